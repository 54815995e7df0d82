#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd/clones.h"

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

/// What is the same for all weights of a segment in one step.
struct StepFactors {
  float scale, rate, shrink;  // of the gradient, of the update, of the weight itself (decay)
};

struct RmsPropFactors : StepFactors {
  float decay, gain, floor;
};

BNLSTM_CLONES
void RmsPropStep(RmsPropFactors f, int64_t count, const float* __restrict gradient,
                 float* __restrict mean_square, float* __restrict weight) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = f.scale * gradient[i];
    const float ms = f.decay * mean_square[i] + f.gain * g * g;
    const float root = std::sqrt(ms);
    mean_square[i] = ms;
    weight[i] = (weight[i] - f.shrink * weight[i]) - f.rate * g / (root < f.floor ? f.floor : root);
  }
}

struct AdamFactors : StepFactors {
  float beta1, gain1, beta2, gain2, eps;
};

BNLSTM_CLONES
void AdamStep(AdamFactors f, int64_t count, const float* __restrict gradient, float* __restrict m,
              float* __restrict v, float* __restrict weight) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = f.scale * gradient[i];
    const float mean = f.beta1 * m[i] + f.gain1 * g;
    const float square = f.beta2 * v[i] + f.gain2 * g * g;
    m[i] = mean;
    v[i] = square;
    weight[i] = (weight[i] - f.shrink * weight[i]) - f.rate * mean / (std::sqrt(square) + f.eps);
  }
}

/// Calls update(factors, begin, count) for the pieces of every trained segment; `correction`
/// multiplies the rate of the update but not that of the weight decay.
template <class Update>
void ForSegments(const ops::OptimizerStep& op, double correction, const Context& context,
                 const Update& update) {
  if (op.state.i32()[ops::kNonFinite]) return;
  for (const ops::Segment& segment : op.segments) {
    const double rate = static_cast<double>(op.learning_rate.f32()[0]) * segment.rate_factor;
    const StepFactors factors{op.scale.f32()[0], static_cast<float>(rate * correction),
                              static_cast<float>(rate * segment.weight_decay)};
    ParallelFor(context, segment.count, 4 * kMove, [&](Range range) {
      update(factors, segment.begin + range.begin, range.end - range.begin);
    });
  }
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

void Run(const ops::RmsProp& op, const Context& context) {
  const auto decay = static_cast<float>(op.decay), gain = static_cast<float>(1 - op.decay);
  const auto floor = static_cast<float>(1 / op.max_scaling);
  ForSegments(op, 1, context, [&](StepFactors factors, int64_t begin, int64_t count) {
    RmsPropStep({factors, decay, gain, floor}, count, op.gradients.f32() + begin,
                op.mean_square.f32() + begin, op.parameters.f32() + begin);
  });
}

void Run(const ops::Adam& op, const Context& context) {
  const double step = op.state.i32()[ops::kApplied] + 1.0;
  const double correction =
      std::sqrt(1 - std::pow(op.beta2, step)) / (1 - std::pow(op.beta1, step));
  const auto beta1 = static_cast<float>(op.beta1), gain1 = static_cast<float>(1 - op.beta1);
  const auto beta2 = static_cast<float>(op.beta2), gain2 = static_cast<float>(1 - op.beta2);
  ForSegments(op, correction, context, [&](StepFactors factors, int64_t begin, int64_t count) {
    AdamStep({factors, beta1, gain1, beta2, gain2, op.eps}, count, op.gradients.f32() + begin,
             op.m.f32() + begin, op.v.f32() + begin, op.parameters.f32() + begin);
  });
}

void Run(const ops::CommitStep& op, const Context&) {
  int32_t* state = op.state.i32();
  ++state[state[ops::kNonFinite] ? ops::kSkipped : ops::kApplied];
}

}  // namespace bnlstm::cpu
