#include "cpu/kernels.h"
#include "cpu/optimizer_step.h"
#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

BNLSTM_CLONES
void PlainStep(StepFactors f, int64_t count, const float* __restrict gradient,
               float* __restrict weight) {
  for (int64_t i = 0; i < count; ++i) {
    weight[i] = (weight[i] - f.shrink * weight[i]) - f.rate * (f.scale * gradient[i]);
  }
}

struct MomentumFactors : StepFactors {
  float momentum, of_gradient, of_velocity;  // the update is a sum of the two
};

BNLSTM_CLONES
void MomentumStep(MomentumFactors f, int64_t count, const float* __restrict gradient,
                  float* __restrict velocity, float* __restrict weight) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = f.scale * gradient[i];
    const float v = f.momentum * velocity[i] + g;
    velocity[i] = v;
    weight[i] =
        (weight[i] - f.shrink * weight[i]) - f.rate * (f.of_gradient * g + f.of_velocity * v);
  }
}

}  // namespace

void Run(const ops::Sgd& op, const Context& context) {
  const float of_gradient = op.nesterov ? 1.0f : 0.0f;
  const float of_velocity = op.nesterov ? op.momentum : 1.0f;
  ForSegments(op, 1, context, [&](StepFactors factors, int64_t begin, int64_t count) {
    const float* gradient = op.gradients.f32() + begin;
    float* weight = op.parameters.f32() + begin;
    if (!op.velocity) return PlainStep(factors, count, gradient, weight);
    MomentumStep({factors, op.momentum, of_gradient, of_velocity}, count, gradient,
                 op.velocity.f32() + begin, weight);
  });
}

}  // namespace bnlstm::cpu
