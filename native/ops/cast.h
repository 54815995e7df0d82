#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = x in the other type: x and y of one shape, one f32 and the other bf16 (or both the same: a
/// copy). To bf16 it rounds to nearest even. Its gradient is the cast of dy back.
struct Cast {
  Tensor x, y;
  explicit Cast(const OpArguments& op);
};

}  // namespace bnlstm::ops
