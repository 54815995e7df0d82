#include <algorithm>

#include "core/philox.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {

void Run(const ops::CarryState& op, const Context& context) {
  const uint32_t attempt = op.attempt ? static_cast<uint32_t>(op.attempt.i32()[0]) : 0;
  const Philox random{op.seed, op.stream, attempt};
  constexpr double kNormal = 200;  // operations for one random number
  const double cost = op.noise != 0 ? kNormal : kMove;
  ParallelFor(context, op.batch, cost * static_cast<double>(op.width), [&](Range range) {
    for (int64_t n = range.begin; n < range.end; ++n) {
      const bool starts = op.reset.i32()[n] != 0;
      const float* from = starts ? op.learned.f32() : op.carried.f32() + n * op.width;
      float* y = op.y.f32() + n * op.width;
      std::copy(from, from + op.width, y);
      if (!starts || op.noise == 0) continue;
      for (int64_t j = 0; j < op.width; ++j) {
        y[j] += op.noise * random.Normal(static_cast<uint64_t>(n * op.width + j));
      }
    }
  });
}

void Run(const ops::CarryStateBackward& op, const Context& context) {
  // A member owns units, so that each sum runs over the rows in their order.
  ParallelFor(context, op.width, kMove * static_cast<double>(op.batch), [&](Range range) {
    for (int64_t j = range.begin; j < range.end; ++j) {
      double sum = 0;
      for (int64_t n = 0; n < op.batch; ++n) {
        if (op.reset.i32()[n] != 0) sum += op.dy.f32()[n * op.width + j];
      }
      op.dlearned.f32()[j] = static_cast<float>(sum);
    }
  });
}

}  // namespace bnlstm::cpu
