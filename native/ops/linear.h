#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = x w + b over the last axis. x [...][I], w [I][O], b [O] optional, y [...][O]; N is the
/// product of the leading axes. No aliasing.
struct Linear {
  int64_t rows = 0, inputs = 0, outputs = 0;
  Tensor x, w, b, y;
  explicit Linear(const OpArguments& op);
};

/// dx = dy w^T, dw = x^T dy, db = sum of dy over the rows, each optional. Overwrites its outputs.
/// Each element of dw and db is summed over the rows in their order, blocks of rows in theirs.
struct LinearBackward {
  int64_t rows = 0, inputs = 0, outputs = 0;
  Tensor x, w, dy, dx, dw, db;
  explicit LinearBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
