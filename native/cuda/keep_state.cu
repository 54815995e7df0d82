#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "ops/training_state.h"

namespace bnlstm::cuda {

void Run(const ops::KeepState& op, const Context& context) {
  const Elements x(op.x), kept(op.kept);
  const int32_t* const state = op.state.i32();  // null if there is none
  ForEach(context, op.x.count(), [=] __device__(int64_t i) {
    if (state != nullptr && state[ops::kNonFinite] != 0) return;
    kept.Set(i, x.Get(i));
  });
}

}  // namespace bnlstm::cuda
