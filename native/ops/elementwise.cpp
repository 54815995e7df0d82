#include "ops/elementwise.h"

namespace bnlstm::ops {

Add::Add(const OpArguments& op) {
  const Shape shape = op.Find("y").shape;
  a = op.Required("a", DType::kF32, shape);
  b = op.Required("b", DType::kF32, shape);
  y = op.Required("y", DType::kF32, shape);
}

Fill::Fill(const OpArguments& op) {
  y = op.Required("y", DType::kF32, op.Find("y").shape);
  value = static_cast<float>(op.Number("value"));
}

}  // namespace bnlstm::ops
