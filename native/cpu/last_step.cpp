#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {
namespace {

template <class Op>
int64_t LastStepOf(const Op& op, int64_t row) {
  const int64_t length = op.lengths ? op.lengths.i32()[row] : op.steps;
  Assert(length >= 1 && length <= op.steps, "a length lies outside [1, T]");
  return length - 1;
}

}  // namespace

void Run(const ops::LastStep& op, const Context& context) {
  ParallelFor(context, op.batch, kMove * static_cast<double>(op.width), [&](Range range) {
    for (int64_t n = range.begin; n < range.end; ++n) {
      Copy(op.y, n * op.width, op.x, (LastStepOf(op, n) * op.batch + n) * op.width, op.width);
    }
  });
}

void Run(const ops::LastStepBackward& op, const Context& context) {
  const double moves = static_cast<double>(op.steps * op.width);
  ParallelFor(context, op.batch, kMove * moves, [&](Range range) {
    const int64_t count = (range.end - range.begin) * op.width;
    for (int64_t t = 0; t < op.steps; ++t) {
      Zero(op.dx, (t * op.batch + range.begin) * op.width, count);
    }
    for (int64_t n = range.begin; n < range.end; ++n) {
      Copy(op.dx, (LastStepOf(op, n) * op.batch + n) * op.width, op.dy, n * op.width, op.width);
    }
  });
}

}  // namespace bnlstm::cpu
