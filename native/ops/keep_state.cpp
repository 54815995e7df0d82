#include "ops/keep_state.h"

#include "ops/training_state.h"

namespace bnlstm::ops {

KeepState::KeepState(const OpArguments& op) {
  const Shape shape = op.Find("x").shape;
  x = op.RequiredReal("x", shape);
  kept = op.Required("kept", DType::kF32, shape);
  state = op.Optional("state", DType::kI32, {kStateSlots});
}

}  // namespace bnlstm::ops
