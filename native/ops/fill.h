#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = value (option), any shape, f32.
struct Fill {
  float value = 0;
  Tensor y;
  explicit Fill(const OpArguments& op);
};

}  // namespace bnlstm::ops
