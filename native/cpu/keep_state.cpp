#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {

void Run(const ops::KeepState& op, const Context& context) {
  if (op.state && op.state.i32()[ops::kNonFinite]) return;
  ParallelFor(context, op.x.count(), kMove, [&](Range range) {
    Copy(op.kept, range.begin, op.x, range.begin, range.end - range.begin);
  });
}

}  // namespace bnlstm::cpu
