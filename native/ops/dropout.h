#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = x / (1 - rate) where Uniform(index) >= rate, else 0 (inverted dropout). x, y: any equal
/// shape, both f32 or both bf16 (computed in f32, rounded once), index row-major in the logical array; attempt [1] i32; options rate in [0, 1), seedLow,
/// seedHigh, stream. Applied to dy with the same options it is its own gradient. y may be x.
struct Dropout {
  int64_t count = 0;
  float rate = 0;
  uint64_t seed = 0;
  uint32_t stream = 0;
  Tensor x, y, attempt;
  explicit Dropout(const OpArguments& op);
};

}  // namespace bnlstm::ops
