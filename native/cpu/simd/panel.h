#pragma once

#include <cstdint>

#include "cpu/simd/vector.h"

namespace bnlstm::cpu {

inline constexpr int64_t kPanel = 4;  // rows of a panel: the gates of a unit, or four units

inline int64_t RoundUp(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

/// The one product that the recurrent kernels are made of: a panel of four packed rows against
/// activations with the batch (or any other axis) in vector lanes.
///     acc[g][n] += sum over k = 0 .. depth-1, in this order, of w[k][g] x[k][n]
/// w [depth][4]; x [depth][ldx], acc [4][ldacc]; `width` lanes, a multiple of kLanes. Each acc[g][n]
/// has its own chain of additions, so a row's bits do not depend on its place or on its neighbours.
void MultiplyPanel(int64_t depth, const float* w, const float* x, int64_t ldx, int64_t width,
                   float* acc, int64_t ldacc);

}  // namespace bnlstm::cpu
