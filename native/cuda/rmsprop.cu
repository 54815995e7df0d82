#include <cmath>

#include "cuda/kernels.h"
#include "cuda/optimizer_step.h"

namespace bnlstm::cuda {
namespace {

struct RmsPropUpdate {
  float decay, gain, floor;
  const float* gradients;
  float *mean_square, *parameters;

  __device__ StepCorrection Correction(double) const { return {1, 0}; }
  __device__ void operator()(const StepFactors& factors, int64_t i) const {
    const float g = factors.scale * gradients[i];
    const float ms = decay * mean_square[i] + gain * g * g;
    const float root = std::sqrt(ms), weight = parameters[i];
    mean_square[i] = ms;
    parameters[i] =
        (weight - factors.shrink * weight) - factors.rate * g / (root < floor ? floor : root);
  }
};

}  // namespace

void Run(const ops::RmsProp& op, const Context& context) {
  const auto decay = static_cast<float>(op.decay), gain = static_cast<float>(1 - op.decay);
  const auto floor = static_cast<float>(1 / op.max_scaling);
  ForSegments(op, context,
              RmsPropUpdate{decay, gain, floor, op.gradients.f32(), op.mean_square.f32(),
                            op.parameters.f32()});
}

}  // namespace bnlstm::cuda
