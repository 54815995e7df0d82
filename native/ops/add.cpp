#include "ops/add.h"

namespace bnlstm::ops {

Add::Add(const OpArguments& op) {
  y = op.RequiredReal("y", op.Find("y").shape);
  a = op.Required("a", y.dtype, y.shape);
  b = op.Required("b", y.dtype, y.shape);
}

}  // namespace bnlstm::ops
