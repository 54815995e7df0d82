#include "ops/cross_entropy.h"

namespace bnlstm::ops {
namespace {

Tensor ReadTargets(const CountedRows& self, const OpArguments& op) {
  const Tensor targets = op.Required("targets", DType::kI32, op.Find("targets").shape);
  Assert(targets.count() == self.rows, op.name + ": the targets have another size");
  return targets;
}

}  // namespace

CrossEntropy::CrossEntropy(const OpArguments& op) {
  logits = op.RequiredReal("logits", op.Find("logits").shape);
  classes = ReadRows(op, logits);
  targets = ReadTargets(*this, op);
  loss = op.Required("loss", DType::kF32, {1});
  correct = op.Required("correct", DType::kF32, {1});
  counted = op.Required("counted", DType::kF32, {1});
}

CrossEntropyBackward::CrossEntropyBackward(const OpArguments& op) {
  logits = op.RequiredReal("logits", op.Find("logits").shape);
  classes = ReadRows(op, logits);
  targets = ReadTargets(*this, op);
  counted = op.Required("counted", DType::kF32, {1});
  dloss = op.Required("dloss", DType::kF32, {1});
  dlogits = op.Required("dlogits", logits.dtype, logits.shape);
}

}  // namespace bnlstm::ops
