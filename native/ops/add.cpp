#include "ops/add.h"

namespace bnlstm::ops {

Add::Add(const OpArguments& op) {
  const Shape shape = op.Find("y").shape;
  a = op.Required("a", DType::kF32, shape);
  b = op.Required("b", DType::kF32, shape);
  y = op.Required("y", DType::kF32, shape);
}

}  // namespace bnlstm::ops
