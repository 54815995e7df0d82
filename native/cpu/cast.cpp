#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::Cast& op, const Context& context) {
  ParallelFor(context, op.y.count(), kMove, [&](Range range) {
    Copy(op.y, range.begin, op.x, range.begin, range.end - range.begin);
  });
}

}  // namespace bnlstm::cpu
