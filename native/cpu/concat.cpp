#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::Concat& op, const Context& context) {
  ParallelFor(context, op.rows, kMove * static_cast<double>(op.width), [&](Range range) {
    for (int64_t row = range.begin; row < range.end; ++row) {
      float* whole = op.whole.f32() + row * op.width;
      for (size_t k = 0; k < op.widths.size(); whole += op.widths[k++]) {
        if (!op.parts[k]) continue;
        float* part = op.parts[k].f32() + row * op.widths[k];
        if (op.backward) {
          std::copy(whole, whole + op.widths[k], part);
        } else {
          std::copy(part, part + op.widths[k], whole);
        }
      }
    }
  });
}

}  // namespace bnlstm::cpu
