#include "ops/adam.h"

namespace bnlstm::ops {

Adam::Adam(const OpArguments& op) : OptimizerStep(op) {
  beta1 = op.Number("beta1");
  beta2 = op.Number("beta2");
  eps = static_cast<float>(op.Number("eps"));
  eps_after_correction = op.Flag("epsAfterCorrection");
  m = op.Required("m", DType::kF32, parameters.shape);
  v = op.Required("v", DType::kF32, parameters.shape);
}

}  // namespace bnlstm::ops
