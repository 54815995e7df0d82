#include "ops/dropout.h"

namespace bnlstm::ops {

Dropout::Dropout(const OpArguments& op) {
  x = op.RequiredReal("x", op.Find("x").shape);
  y = op.Required("y", x.dtype, x.shape);
  attempt = op.Required("attempt", DType::kI32, {1});
  count = x.count();
  rate = static_cast<float>(op.Number("rate"));
  Assert(rate >= 0 && rate < 1, op.name + ": rate must be in [0, 1)");
  seed = static_cast<uint64_t>(op.Number("seedLow", 0)) |
         static_cast<uint64_t>(op.Number("seedHigh", 0)) << 32;
  stream = static_cast<uint32_t>(op.Number("stream", 0));
}

}  // namespace bnlstm::ops
