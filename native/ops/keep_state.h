#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// kept = x, any equal shape, x f32 or bf16, kept f32: the state that the next chunk goes on from. With `state` (i32
/// [4], optional) nothing happens while its kNonFinite is set, so that a training step that changes
/// nothing leaves this as it was, too.
struct KeepState {
  Tensor x, kept, state;
  explicit KeepState(const OpArguments& op);
};

}  // namespace bnlstm::ops
