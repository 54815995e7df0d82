#include <cmath>

#include "cuda/kernels.h"
#include "cuda/optimizer_step.h"

namespace bnlstm::cuda {
namespace {

struct AdamUpdate {
  double beta1, beta2;
  float gain1, gain2, eps;
  bool eps_after_correction;
  const float* gradients;
  float *m, *v, *parameters;

  __device__ StepCorrection Correction(double step) const {
    const double root = std::sqrt(1 - std::pow(beta2, step));
    return {root / (1 - std::pow(beta1, step)), eps_after_correction ? eps * root : eps};
  }
  __device__ void operator()(const StepFactors& factors, int64_t i) const {
    const float g = factors.scale * gradients[i], weight = parameters[i];
    const float mean = static_cast<float>(beta1) * m[i] + gain1 * g;
    const float square = static_cast<float>(beta2) * v[i] + gain2 * g * g;
    m[i] = mean;
    v[i] = square;
    parameters[i] = (weight - factors.shrink * weight) -
                    factors.rate * mean / (std::sqrt(square) + factors.eps);
  }
};

}  // namespace

void Run(const ops::Adam& op, const Context& context) {
  const auto gain1 = static_cast<float>(1 - op.beta1), gain2 = static_cast<float>(1 - op.beta2);
  ForSegments(op, context,
              AdamUpdate{op.beta1, op.beta2, gain1, gain2, op.eps, op.eps_after_correction,
                         op.gradients.f32(), op.m.f32(), op.v.f32(), op.parameters.f32()});
}

}  // namespace bnlstm::cuda
