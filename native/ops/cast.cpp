#include "ops/cast.h"

namespace bnlstm::ops {

Cast::Cast(const OpArguments& op) {
  x = op.RequiredReal("x", op.Find("x").shape);
  y = op.RequiredReal("y", x.shape);
}

}  // namespace bnlstm::ops
