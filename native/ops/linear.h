#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = x w + b over the last axis. x [...][I], w [I][O], b [O] optional, y [...][O]; N is the
/// product of the leading axes. No aliasing.
///
/// x and y are f32 or bf16, each by itself; w and b are f32. Points of rounding:
///   x f32:  none in the product.
///   x bf16: w is rounded to bf16 as the product's operand; products and sums are f32.
///   y:      rounded once, at the store, where it is bf16; b is added in f32 before.
struct Linear {
  int64_t rows = 0, inputs = 0, outputs = 0;
  Tensor x, w, b, y;
  explicit Linear(const OpArguments& op);
};

/// dx = dy w^T, dw = x^T dy, db = sum of dy over the rows, each optional. Overwrites its outputs.
/// Each element of dw and db is summed over the rows in their order, blocks of rows in theirs.
///
/// dy has the type of y, dx that of x; dw and db are f32. Points of rounding:
///   x f32:  none; a bf16 dy is widened.
///   x bf16: w and dy (unless it is bf16 already) are rounded to bf16 as operands of dx and dw;
///           products and sums are f32. dx is rounded once, at the store. db sums dy as given.
struct LinearBackward {
  int64_t rows = 0, inputs = 0, outputs = 0;
  Tensor x, w, dy, dx, dw, db;
  explicit LinearBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
