#pragma once

#include "ops/optimizer_step.h"

namespace bnlstm::ops {

/// Blocks' Adam: m, v as usual; w -= rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps),
/// eps before bias correction; t = state[kApplied] + 1. With the option `epsAfterCorrection` as in
/// the AdamW paper and PyTorch: w -= rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps).
struct Adam : OptimizerStep {
  double beta1 = 0, beta2 = 0;
  float eps = 0;
  bool eps_after_correction = false;
  Tensor m, v;
  explicit Adam(const OpArguments& op);
};

}  // namespace bnlstm::ops
