#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "ops/training_state.h"

namespace bnlstm::cuda {

void Run(const ops::CommitStep& op, const Context& context) {
  int32_t* const state = op.state.i32();
  ForEach(context, 1, [=] __device__(int64_t) {
    ++state[state[ops::kNonFinite] != 0 ? ops::kSkipped : ops::kApplied];
  });
}

}  // namespace bnlstm::cuda
