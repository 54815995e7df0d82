#include "ops/mean_squared_error.h"

namespace bnlstm::ops {

MeanSquaredError::MeanSquaredError(const OpArguments& op) {
  prediction = op.RequiredReal("prediction", op.Find("prediction").shape);
  width = ReadRows(op, prediction);
  target = op.Required("target", DType::kF32, prediction.shape);
  loss = op.Required("loss", DType::kF32, {1});
  counted = op.Required("counted", DType::kF32, {1});
}

MeanSquaredErrorBackward::MeanSquaredErrorBackward(const OpArguments& op) {
  prediction = op.RequiredReal("prediction", op.Find("prediction").shape);
  width = ReadRows(op, prediction);
  target = op.Required("target", DType::kF32, prediction.shape);
  counted = op.Required("counted", DType::kF32, {1});
  dloss = op.Required("dloss", DType::kF32, {1});
  dprediction = op.Required("dprediction", prediction.dtype, prediction.shape);
}

}  // namespace bnlstm::ops
