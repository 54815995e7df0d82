#include "ops/accumulate_gradients.h"

namespace bnlstm::ops {
namespace {

template <class Op>
void ReadWindow(Op& self, const OpArguments& op) {
  const Shape shape{op.Find("gradients").count()};
  self.gradients = op.Required("gradients", DType::kF32, shape);
  self.sum = op.Required("sum", DType::kF32, shape);
  self.loss = op.Required("loss", DType::kF32, {1});
  self.counted = op.Required("counted", DType::kF32, {1});
  self.totals = op.Required("totals", DType::kF32, {2});
}

}  // namespace

AccumulateGradients::AccumulateGradients(const OpArguments& op) : first(op.Flag("first")) {
  ReadWindow(*this, op);
}

AverageGradients::AverageGradients(const OpArguments& op) {
  ReadWindow(*this, op);
  mean_loss = op.Required("meanLoss", DType::kF32, {1});
}

}  // namespace bnlstm::ops
