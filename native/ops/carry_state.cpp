#include "ops/carry_state.h"

namespace bnlstm::ops {
namespace {

/// Reads the sizes off `key` [B][W] and returns it.
template <class Op>
Tensor ReadRows(Op& self, const OpArguments& op, const char* key) {
  const Tensor given = op.Find(key);
  Assert(given.present && given.shape.size() == 2, op.name + " needs " + key + " [B][W]");
  self.batch = given.shape[0];
  self.width = given.shape[1];
  self.reset = op.Required("reset", DType::kI32, {self.batch});
  return op.Required(key, DType::kF32, given.shape);
}

}  // namespace

CarryState::CarryState(const OpArguments& op) {
  y = ReadRows(*this, op, "y");
  learned = op.Required("learned", DType::kF32, {width});
  carried = op.Required("carried", DType::kF32, {batch, width});
  noise = static_cast<float>(op.Number("noise", 0));
  if (noise != 0) attempt = op.Required("attempt", DType::kI32, {1});
  seed = static_cast<uint64_t>(op.Number("seedLow", 0)) |
         static_cast<uint64_t>(op.Number("seedHigh", 0)) << 32;
  stream = static_cast<uint32_t>(op.Number("stream", 0));
}

CarryStateBackward::CarryStateBackward(const OpArguments& op) {
  dy = ReadRows(*this, op, "dy");
  dlearned = op.Required("dlearned", DType::kF32, {width});
}

}  // namespace bnlstm::ops
