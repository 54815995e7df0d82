#include <cmath>

#include "cpu/kernels.h"
#include "cpu/optimizer_step.h"
#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

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

}  // namespace

void Run(const ops::RmsProp& op, const Context& context) {
  const auto decay = static_cast<float>(op.decay), gain = static_cast<float>(1 - op.decay);
  const auto floor = static_cast<float>(1 / op.max_scaling);
  ForSegments(op, 1, context, [&](StepFactors factors, int64_t begin, int64_t count) {
    RmsPropStep({factors, decay, gain, floor}, count, op.gradients.f32() + begin,
                op.mean_square.f32() + begin, op.parameters.f32() + begin);
  });
}

}  // namespace bnlstm::cpu
