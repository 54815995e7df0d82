#include "ops/linear.h"

namespace bnlstm::ops {
namespace {

/// What both ops read off w and x (or dy): sizes, and the shape of a tensor of that width.
template <class Op>
Shape ReadSizes(Op& self, const OpArguments& op) {
  const Tensor x = op.Find("x"), w = op.Find("w");
  Assert(x.present && !x.shape.empty() && w.present && w.shape.size() == 2,
         op.name + " needs x [...][I] and w [I][O]");
  Shape leading(x.shape.begin(), x.shape.end() - 1);
  self.rows = Count(leading);
  self.inputs = w.shape[0];
  self.outputs = w.shape[1];
  return leading;
}

Shape With(Shape leading, int64_t width) {
  leading.push_back(width);
  return leading;
}

}  // namespace

Linear::Linear(const OpArguments& op) {
  const Shape leading = ReadSizes(*this, op);
  x = op.RequiredReal("x", With(leading, inputs));
  w = op.Required("w", DType::kF32, {inputs, outputs});
  b = op.Optional("b", DType::kF32, {outputs});
  y = op.RequiredReal("y", With(leading, outputs));
}

LinearBackward::LinearBackward(const OpArguments& op) {
  const Shape leading = ReadSizes(*this, op);
  x = op.RequiredReal("x", With(leading, inputs));
  w = op.Required("w", DType::kF32, {inputs, outputs});
  dy = op.RequiredReal("dy", With(leading, outputs));
  dx = op.Optional("dx", x.dtype, With(leading, inputs));
  dw = op.Optional("dw", DType::kF32, {inputs, outputs});
  db = op.Optional("db", DType::kF32, {outputs});
}

}  // namespace bnlstm::ops
