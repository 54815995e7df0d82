#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// The state with which a chunk of longer sequences begins, row by row: where reset[n] is not 0 a
/// sequence starts, and y[n] = learned; elsewhere one goes on, and y[n] = carried[n]. A row of
/// carried that is not used may hold anything. learned [W], carried [B][W], y [B][W] f32; reset [B]
/// i32. With the option `noise` (default 0), rows that start get noise * Normal(n*W + j) added:
/// attempt [1] i32, options seedLow, seedHigh, stream. Inputs and outputs never alias.
struct CarryState {
  int64_t batch = 0, width = 0;
  float noise = 0;
  uint64_t seed = 0;
  uint32_t stream = 0;
  Tensor learned, carried, reset, attempt, y;
  explicit CarryState(const OpArguments& op);
};

/// dlearned [W] = sum of dy [B][W] over the rows that start, in their order. What was carried is a
/// constant: gradients end at the border of a chunk.
struct CarryStateBackward {
  int64_t batch = 0, width = 0;
  Tensor dy, reset, dlearned;
  explicit CarryStateBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
