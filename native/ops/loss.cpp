#include "ops/loss.h"

namespace bnlstm::ops {
namespace {

/// Sets what says which rows count, from predictions [N][C] or [T][B][C]; returns C.
int64_t ReadRows(CountedRows& self, const OpArguments& op, const Tensor& predictions) {
  const Shape& shape = predictions.shape;
  Assert(predictions.present && (shape.size() == 2 || shape.size() == 3),
         op.name + " needs predictions [N][C] or [T][B][C]");
  const int64_t width = shape.back();
  self.batch = shape[shape.size() - 2];
  self.rows = shape.size() == 3 ? shape[0] * shape[1] : shape[0];
  self.mask = op.Optional("mask", DType::kF32, op.Find("mask").shape);
  Assert(!self.mask || self.mask.count() == self.rows, op.name + ": the mask has another size");
  self.lengths = op.Optional("lengths", DType::kI32, {self.batch});
  return width;
}

Tensor ReadTargets(const CountedRows& self, const OpArguments& op) {
  const Tensor targets = op.Required("targets", DType::kI32, op.Find("targets").shape);
  Assert(targets.count() == self.rows, op.name + ": the targets have another size");
  return targets;
}

}  // namespace

CrossEntropy::CrossEntropy(const OpArguments& op) {
  logits = op.Required("logits", DType::kF32, op.Find("logits").shape);
  classes = ReadRows(*this, op, logits);
  targets = ReadTargets(*this, op);
  loss = op.Required("loss", DType::kF32, {1});
  correct = op.Required("correct", DType::kF32, {1});
  counted = op.Required("counted", DType::kF32, {1});
}

CrossEntropyBackward::CrossEntropyBackward(const OpArguments& op) {
  logits = op.Required("logits", DType::kF32, op.Find("logits").shape);
  classes = ReadRows(*this, op, logits);
  targets = ReadTargets(*this, op);
  counted = op.Required("counted", DType::kF32, {1});
  dloss = op.Required("dloss", DType::kF32, {1});
  dlogits = op.Required("dlogits", DType::kF32, logits.shape);
}

MeanSquaredError::MeanSquaredError(const OpArguments& op) {
  prediction = op.Required("prediction", DType::kF32, op.Find("prediction").shape);
  width = ReadRows(*this, op, prediction);
  target = op.Required("target", DType::kF32, prediction.shape);
  loss = op.Required("loss", DType::kF32, {1});
  counted = op.Required("counted", DType::kF32, {1});
}

MeanSquaredErrorBackward::MeanSquaredErrorBackward(const OpArguments& op) {
  prediction = op.Required("prediction", DType::kF32, op.Find("prediction").shape);
  width = ReadRows(*this, op, prediction);
  target = op.Required("target", DType::kF32, prediction.shape);
  counted = op.Required("counted", DType::kF32, {1});
  dloss = op.Required("dloss", DType::kF32, {1});
  dprediction = op.Required("dprediction", DType::kF32, prediction.shape);
}

}  // namespace bnlstm::ops
