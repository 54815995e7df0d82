#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// Joins x0, x1, ... [...][W_k] along the last axis into y [...][sum W_k], all f32 or all bf16.
/// `concatBackward` has the operands dy and dx0, dx1, ... and takes the pieces apart again; a missing dx_k is skipped
/// (its width is then in the option `widths`).
struct Concat {
  int64_t rows = 0, width = 0;
  bool backward = false;
  std::vector<int64_t> widths;
  std::vector<Tensor> parts;  // x_k, or dx_k, which may be absent
  Tensor whole;               // y, or dy
  explicit Concat(const OpArguments& op);
};

}  // namespace bnlstm::ops
