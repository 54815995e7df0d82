#include "ops/sgd.h"

namespace bnlstm::ops {

Sgd::Sgd(const OpArguments& op) : OptimizerStep(op) {
  momentum = static_cast<float>(op.Number("momentum", 0));
  nesterov = op.Flag("nesterov");
  velocity = op.Optional("velocity", DType::kF32, parameters.shape);
  Assert(velocity.present == (momentum != 0), op.name + ": momentum and velocity go together");
}

}  // namespace bnlstm::ops
