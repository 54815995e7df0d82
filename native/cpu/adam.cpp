#include <cmath>

#include "cpu/kernels.h"
#include "cpu/optimizer_step.h"
#include "cpu/simd/clones.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {
namespace {

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

}  // namespace

void Run(const ops::Adam& op, const Context& context) {
  const double step = op.state.i32()[ops::kApplied] + 1.0;
  const double root = std::sqrt(1 - std::pow(op.beta2, step));
  const double correction = root / (1 - std::pow(op.beta1, step));
  const float eps = op.eps_after_correction ? static_cast<float>(op.eps * root) : op.eps;
  const auto beta1 = static_cast<float>(op.beta1), gain1 = static_cast<float>(1 - op.beta1);
  const auto beta2 = static_cast<float>(op.beta2), gain2 = static_cast<float>(1 - op.beta2);
  ForSegments(op, correction, context, [&](StepFactors factors, int64_t begin, int64_t count) {
    AdamStep({factors, beta1, gain1, beta2, gain2, eps}, count, op.gradients.f32() + begin,
             op.m.f32() + begin, op.v.f32() + begin, op.parameters.f32() + begin);
  });
}

}  // namespace bnlstm::cpu
