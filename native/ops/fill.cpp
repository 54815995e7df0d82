#include "ops/fill.h"

namespace bnlstm::ops {

Fill::Fill(const OpArguments& op) {
  y = op.Required("y", DType::kF32, op.Find("y").shape);
  value = static_cast<float>(op.Number("value"));
}

}  // namespace bnlstm::ops
