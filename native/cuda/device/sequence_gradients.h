#pragma once

#include "cuda/device/backward_step.h"
#include "cuda/device/token_sum.h"
#include "cuda/split.h"

namespace bnlstm::cuda {

// What backward does for a whole run of steps, or once for all of them, besides products. A warp has
// one column, eight warps are a block.

/// dB of a run of steps for statistics over the whole sequence, from dP and what forward kept: a warp
/// has one column.
template <class Value>
__global__ void SequenceGradient(StepShape shape, bool through, int64_t steps, int64_t all_steps,
                                 const double* sums, const float* dp, const Value* kept_b,
                                 Value* db) {
  const int64_t column = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  const int64_t H = shape.hidden;
  if (column >= 4 * H) return;
  const int64_t g = column / H, j = column % H;
  double rows = 0;  // that run, over all steps
  for (int64_t n = device::Lane(); n < shape.batch; n += device::kWarp) {
    rows += static_cast<double>(shape.lengths ? shape.lengths[n] : all_steps);
  }
  rows = device::WarpSum(rows);
  const float inverse = through && rows > 0 ? 1.0f / static_cast<float>(rows) : 0.0f;
  const float mean_dp = static_cast<float>(sums[j * kSumsOfUnit + kSumBias + g]) * inverse;
  const float mean_dp_hat = static_cast<float>(sums[j * kSumsOfUnit + kSumGammaX + g]) * inverse;
  const float r = InverseRoot(shape.tables.input_var[column], shape.eps);
  const float gamma = shape.parameters.gamma_x[column];
  for (int64_t slot = 0; slot < steps; ++slot) {
    for (int64_t n = device::Lane(); n < shape.padded; n += device::kWarp) {
      const int64_t at = column * shape.stride + slot * shape.padded + n;
      float d = n < shape.batch ? dp[at] : 0.0f;
      const bool runs = n < shape.batch && (!shape.lengths || shape.step + slot < shape.lengths[n]);
      if (runs) d -= fmaf(LoadValue(kept_b + at), mean_dp_hat, mean_dp);
      StoreValue(db + at, n < shape.batch ? d * r * gamma : 0.0f);
    }
  }
}

/// Gradients of the rows of Wx that tokens chose: a warp sums up 32 columns of one row.
__global__ void TokenGradient(const int32_t* tokens, int64_t places, const float* rows,
                              int64_t columns, int64_t vocabulary, bool add, float* dwx) {
  const int64_t groups = (columns + device::kWarp - 1) / device::kWarp;
  const int64_t item = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  if (item >= vocabulary * groups) return;
  const int64_t id = item / groups, column = item % groups * device::kWarp + device::Lane();
  const bool inside = column < columns;
  const float sum = device::TokenSum(tokens, places, id, [&](int64_t place) {
    return inside ? rows[place * columns + column] : 0.0f;
  });
  if (!inside) return;
  float* const to = dwx + id * columns + column;
  *to = add ? *to + sum : sum;
}

/// What is carried out of step 0 [hidden][padded], and where it is wanted.
struct StateGradient {
  const float* carried;
  float* to;
};

/// The gradients of the initial states that all rows share: a warp has one unit of h0, or of c0.
__global__ void SumOfRows(StateGradient h0, StateGradient c0, int64_t hidden, int64_t padded,
                          int64_t batch) {
  const int64_t item = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  const int64_t j = item % hidden;
  const StateGradient& state = item < hidden ? h0 : c0;
  if (item >= 2 * hidden) return;
  double sum = 0;
  for (int64_t n = device::Lane(); n < batch; n += device::kWarp) {
    sum += static_cast<double>(state.carried[j * padded + n]);
  }
  sum = device::WarpSum(sum);
  if (device::Lane() == 0) state.to[j] = static_cast<float>(sum);
}

}  // namespace bnlstm::cuda
