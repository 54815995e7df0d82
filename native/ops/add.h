#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = a + b, all of one shape, f32 or bf16 (added in f32, rounded once). y may be a or b.
struct Add {
  Tensor a, b, y;
  explicit Add(const OpArguments& op);
};

}  // namespace bnlstm::ops
