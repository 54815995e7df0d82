#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd/clones.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {
namespace {

constexpr int64_t kNormBlock = 4096;  // fixed, so that the sum has one order

BNLSTM_CLONES
double SumOfSquares(const float* x, int64_t count) {
  constexpr int kSums = 8;
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int k = 0; k < kSums; ++k) {
      sums[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
    }
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

}  // namespace

void Run(const ops::GlobalNorm& op, const Context& context) {
  const int64_t count = op.gradients.count();
  std::vector<double> sums(static_cast<size_t>((count + kNormBlock - 1) / kNormBlock));
  ParallelFor(context, static_cast<int64_t>(sums.size()), kMove * kNormBlock, [&](Range range) {
    for (int64_t block = range.begin; block < range.end; ++block) {
      const int64_t begin = block * kNormBlock;
      sums[static_cast<size_t>(block)] =
          SumOfSquares(op.gradients.f32() + begin, std::min(kNormBlock, count - begin));
    }
  });
  double sum = 0;
  for (double part : sums) sum += part;
  const double exact = std::sqrt(sum);
  const float norm = static_cast<float>(exact);
  const bool keep = op.clip_norm == 0 || exact < op.clip_norm;
  op.norm.f32()[0] = norm;
  op.scale.f32()[0] = keep ? 1.0f : static_cast<float>(op.clip_norm / exact);
  int32_t& non_finite = op.state.i32()[ops::kNonFinite];
  if (!std::isfinite(norm) || !std::isfinite(op.loss.f32()[0])) {
    non_finite = 1;
  } else if (!op.sticky) {
    non_finite = 0;
  }
}

}  // namespace bnlstm::cpu
