#include "cuda/kernels.h"
#include "cuda/optimizer_step.h"

namespace bnlstm::cuda {
namespace {

struct SgdUpdate {
  float momentum;
  bool nesterov;
  const float* gradients;
  float *velocity, *parameters;  // velocity: null without momentum

  __device__ StepCorrection Correction(double) const { return {1, 0}; }
  __device__ void operator()(const StepFactors& factors, int64_t i) const {
    const float g = factors.scale * gradients[i], weight = parameters[i];
    float step = g;
    if (velocity != nullptr) {
      const float v = momentum * velocity[i] + g;
      velocity[i] = v;
      step = nesterov ? g + momentum * v : v;
    }
    parameters[i] = (weight - factors.shrink * weight) - factors.rate * step;
  }
};

}  // namespace

void Run(const ops::Sgd& op, const Context& context) {
  ForSegments(op, context,
              SgdUpdate{op.momentum, op.nesterov, op.gradients.f32(), op.velocity.f32(),
                        op.parameters.f32()});
}

}  // namespace bnlstm::cuda
