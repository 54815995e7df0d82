#include "cpu/kernels.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {

void Run(const ops::CommitStep& op, const Context&) {
  int32_t* state = op.state.i32();
  ++state[state[ops::kNonFinite] ? ops::kSkipped : ops::kApplied];
}

}  // namespace bnlstm::cpu
