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

}  // namespace bnlstm::cpu
