#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::Fill& op, const Context& context) {
  ParallelFor(context, op.y.count(), kMove, [&](Range range) {
    std::fill(op.y.f32() + range.begin, op.y.f32() + range.end, op.value);
  });
}

}  // namespace bnlstm::cpu
