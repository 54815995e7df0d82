#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::Concat& op, const Context& context) {
  ParallelFor(context, op.rows, kMove * static_cast<double>(op.width), [&](Range range) {
    for (int64_t row = range.begin; row < range.end; ++row) {
      int64_t whole = row * op.width;
      for (size_t k = 0; k < op.widths.size(); whole += op.widths[k++]) {
        if (!op.parts[k]) continue;
        const int64_t count = op.widths[k], part = row * count;
        if (op.backward) {
          Copy(op.parts[k], part, op.whole, whole, count);
        } else {
          Copy(op.whole, whole, op.parts[k], part, count);
        }
      }
    }
  });
}

}  // namespace bnlstm::cpu
