#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = a + b, all of one shape. y may be a or b.
struct Add {
  Tensor a, b, y;
  explicit Add(const OpArguments& op);
};

/// y = value (option), any shape, f32.
struct Fill {
  float value = 0;
  Tensor y;
  explicit Fill(const OpArguments& op);
};

}  // namespace bnlstm::ops
