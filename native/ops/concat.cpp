#include "ops/concat.h"

namespace bnlstm::ops {

Concat::Concat(const OpArguments& op) : backward(op.name == "concatBackward") {
  const std::string part_key = backward ? "dx" : "x", whole_key = backward ? "dy" : "y";
  const Tensor given = op.Find(whole_key);
  Assert(given.present && !given.shape.empty(), op.name + " needs " + whole_key);
  whole = op.RequiredReal(whole_key, given.shape);
  width = whole.shape.back();
  rows = Count(Shape(whole.shape.begin(), whole.shape.end() - 1));

  if (backward) {
    for (double part : op.Numbers("widths")) widths.push_back(static_cast<int64_t>(part));
  } else {
    for (Tensor part; (part = op.Find(part_key + std::to_string(widths.size())));) {
      Assert(!part.shape.empty(), op.name + ": a part needs an axis");
      widths.push_back(part.shape.back());
    }
  }
  int64_t sum = 0;
  Shape shape = whole.shape;
  for (size_t k = 0; k < widths.size(); ++k) {
    shape.back() = widths[k];
    sum += widths[k];
    parts.push_back(op.Optional(part_key + std::to_string(k), whole.dtype, shape));
  }
  Assert(sum == width, op.name + ": the widths do not add up");
}

}  // namespace bnlstm::ops
