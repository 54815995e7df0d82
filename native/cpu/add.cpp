#include <algorithm>

#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::Add& op, const Context& context) {
  ParallelFor(context, op.y.count(), kMove, [&](Range range) {
    Reader read_a(op.a, kRun), read_b(op.b, kRun);
    Writer write(op.y, kRun);
    for (int64_t begin = range.begin; begin < range.end; begin += kRun) {
      const int64_t count = std::min(kRun, range.end - begin);
      const float *a = read_a.At(begin, count), *b = read_b.At(begin, count);
      float* y = write.At(begin);
      for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
      write.Store(begin, count);
    }
  });
}

}  // namespace bnlstm::cpu
