#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {

void Run(const ops::KeepState& op, const Context& context) {
  if (op.state && op.state.i32()[ops::kNonFinite]) return;
  ParallelFor(context, op.x.count(), kMove, [&](Range range) {
    std::copy(op.x.f32() + range.begin, op.x.f32() + range.end, op.kept.f32() + range.begin);
  });
}

}  // namespace bnlstm::cpu
