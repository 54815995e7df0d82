#pragma once

#include "ops/optimizer_step.h"

namespace bnlstm::ops {

/// Blocks' RMSProp, as the authors ran it: ms = decay ms + (1 - decay) g^2;
/// w -= rate g / max(sqrt(ms), 1 / maxScaling). meanSquare [P], zero at first.
struct RmsProp : OptimizerStep {
  double decay = 0, max_scaling = 0;
  Tensor mean_square;
  explicit RmsProp(const OpArguments& op);
};

}  // namespace bnlstm::ops
