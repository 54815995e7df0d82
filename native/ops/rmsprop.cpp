#include "ops/rmsprop.h"

namespace bnlstm::ops {

RmsProp::RmsProp(const OpArguments& op) : OptimizerStep(op) {
  decay = op.Number("decay");
  max_scaling = op.Number("maxScaling");
  mean_square = op.Required("meanSquare", DType::kF32, parameters.shape);
}

}  // namespace bnlstm::ops
