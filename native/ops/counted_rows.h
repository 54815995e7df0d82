#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// Which rows of a loss count. Rows N are B (one target per sequence) or T*B, time-major. `mask`
/// [N] f32 (0: the row does not count, anything else: it does) and `lengths` [B] i32 (row t*B + n
/// counts if t < length_n) are optional and both apply.
struct CountedRows {
  int64_t rows = 0, batch = 0;
  Tensor mask, lengths;
  bool Counts(int64_t row) const {
    if (mask && mask.f32()[row] == 0) return false;
    return !lengths || row / batch < lengths.i32()[row % batch];
  }

 protected:
  /// Reads all of it, given predictions [N][C] or [T][B][C]; returns C.
  int64_t ReadRows(const OpArguments& op, const Tensor& predictions);
};

}  // namespace bnlstm::ops
