#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y[n] = x[length_n - 1][n], or of step T-1 without lengths. x [T][B][D], lengths [B] i32 optional
/// (1 <= length <= T), y [B][D]; x and y both f32 or both bf16.
struct LastStep {
  int64_t steps = 0, batch = 0, width = 0;
  Tensor x, lengths, y;
  explicit LastStep(const OpArguments& op);
};

/// dx [T][B][D] is dy at those places and zero elsewhere; both of one type again.
struct LastStepBackward {
  int64_t steps = 0, batch = 0, width = 0;
  Tensor dy, lengths, dx;
  explicit LastStepBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
