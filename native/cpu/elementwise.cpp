#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::Add& op, const Context& context) {
  ParallelFor(context, op.y.count(), kMove, [&](Range range) {
    const float *a = op.a.f32(), *b = op.b.f32();
    float* y = op.y.f32();
    for (int64_t i = range.begin; i < range.end; ++i) y[i] = a[i] + b[i];
  });
}

void Run(const ops::Fill& op, const Context& context) {
  ParallelFor(context, op.y.count(), kMove, [&](Range range) {
    std::fill(op.y.f32() + range.begin, op.y.f32() + range.end, op.value);
  });
}

}  // namespace bnlstm::cpu
