#pragma once

#include "cuda/device/rows.h"

namespace bnlstm::cuda {

// What forward and backward share of one hidden unit at one step.

/// The gates' functions. The fast ones are off by some 1e-7, which is far below the rounding of
/// operands to bf16 or TF32, and take two instructions of the special function unit each.
template <bool kFast>
struct Gate {
  static constexpr float kLog2E = 1.44269504f;
  static __device__ __forceinline__ float Sigmoid(float x) {
    if constexpr (!kFast) return 1.0f / (1.0f + expf(-x));
    return device::Reciprocal(1.0f + device::Exp2(-kLog2E * x));
  }
  static __device__ __forceinline__ float Tanh(float x) {
    if constexpr (!kFast) return tanhf(x);
    return fmaf(-2.0f, device::Reciprocal(1.0f + device::Exp2(2 * kLog2E * x)), 1.0f);
  }
};

__device__ inline float InverseRoot(float variance, float eps) {
  return device::InverseSquareRoot(variance + eps);
}

/// The parameters of one direction, [4H] or [H]; null where there are none.
struct UnitParameters {
  const float *gamma_h, *gamma_x, *bias, *gamma_c, *beta_c;
};

/// How values are normalised: not at all; with the batch's own statistics, which are written to the
/// tables; with the tables' row of the step, as given or as measured before; or with a row for each
/// row of the batch, which only the kernels with kRows 0 know: rows stand at different steps where
/// predictions are continued, in small batches of few steps.
enum class Norm { kNone, kMeasure, kTable, kTableByRow };

/// The statistics of one direction: tables of means and biased variances over steps.
struct Tables {
  float *recurrent_mean, *recurrent_var, *input_mean, *input_var;  // [steps][4H]
  float *cell_mean, *cell_var;                                     // [steps][H]
  int64_t steps, input_steps;
  const int32_t* first_step;  // [B] or null

  __device__ int Row(int64_t step, int n) const {
    const int64_t row = step + (first_step ? first_step[n] : 0);
    return static_cast<int>(row < steps ? row : steps - 1);
  }
  __device__ int InputRow(int row) const {
    return row < input_steps ? row : static_cast<int>(input_steps) - 1;
  }
};

/// Where one of the three normalisations of a unit has its statistics.
struct UnitTable {
  const float *means, *vars;
  int width, column, apart;  // of a row; of the first column; from column to column
};

/// One of the three normalisations of some columns, `x_hat = (x - mean) r`; at first the identity.
template <int kColumns>
struct Normalizer {
  float mean[kColumns], r[kColumns];

  __device__ __forceinline__ Normalizer() {
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) mean[k] = 0, r[k] = 1;
  }
  /// Reads means and variances, on their way while the caller does something else...
  __device__ __forceinline__ void Load(const UnitTable& table, int row) {
    const int64_t begin = int64_t{row} * table.width;
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      const int64_t at = begin + (table.column + k * table.apart);
      mean[k] = table.means[at];
      r[k] = table.vars[at];
    }
  }
  /// ... and makes factors of the variances.
  __device__ __forceinline__ void Invert(float eps) {
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) r[k] = InverseRoot(r[k], eps);
  }
  /// Takes those that the lanes have, from `apart` to `apart` lanes one column; of one column all have
  /// them.
  __device__ __forceinline__ void Share(float lane_mean, float lane_r, int apart) {
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      mean[k] = kColumns == 1 ? lane_mean : device::ShuffleFrom(lane_mean, k * apart);
      r[k] = kColumns == 1 ? lane_r : device::ShuffleFrom(lane_r, k * apart);
    }
  }
  __device__ __forceinline__ float Hat(int k, float x) const { return (x - mean[k]) * r[k]; }
};

/// How much of the previous value of a state stays: all of it, or `rest`. What does not enter may be
/// anything.
struct Weight {
  bool all;
  float rest;

  __device__ __forceinline__ float Settle(float previous, float next) const {
    const float mixed = rest == 0 ? next : previous * rest + next * (1.0f - rest);
    return all ? previous : mixed;
  }
  /// What of the state's gradient reaches the next value, and what passes to the previous one.
  __device__ __forceinline__ float Fresh(float gradient) const {
    return all ? 0.0f : gradient * (1.0f - rest);
  }
  __device__ __forceinline__ float Passed(float gradient) const {
    const float passed = rest == 0 ? 0.0f : gradient * rest;
    return all ? gradient : passed;
  }
};

/// The previous value of a state against its next one (Krueger et al. 2017): kept where `keep`
/// [H], columns `stride` apart, is not 0; without it mixed in by `rate`.
struct Zoneout {
  float rate;
  const uint8_t* keep;

  /// Of row n, at place `at` of the run; all stays once the row has ended.
  template <class Rows>
  __device__ __forceinline__ Weight Of(const Rows& rows, int i, int n, int64_t at) const {
    const bool keeps = keep && rows.Inside(i, n) && keep[at] != 0;
    return {keeps || !rows.Runs(i, n), keep ? 0.0f : rate};
  }
};

/// The weights of the rows of a lane at one step, read ahead.
template <int kRows>
class Weights {
 public:
  __device__ __forceinline__ void Load(const Zoneout& zoneout, const Rows<kRows>& rows,
                                       int64_t at) {
    all_ = 0;
    rest_ = zoneout.keep ? 0.0f : zoneout.rate;
    Neighbours<uint8_t, kRows> keep = {};
    if (zoneout.keep && rows.InMemory()) {
      keep = *reinterpret_cast<const Neighbours<uint8_t, kRows>*>(zoneout.keep + at +
                                                                  device::Lane() * kRows);
    }
    rows.All([&](int i, int n) { all_ |= keep.of[i] != 0 || !rows.Runs(i, n) ? 1u << i : 0u; });
  }
  __device__ __forceinline__ Weight Get(int i) const { return {(all_ >> i & 1) != 0, rest_}; }

 private:
  unsigned all_ = 0;  // rows whose previous value stays
  float rest_ = 0;
};

/// What both passes are told of a step of one direction.
struct StepShape {
  int64_t batch, padded, hidden, step;
  int64_t stride;  // from column to column of a run
  const int32_t* lengths;
  bool ended_count;
  float eps;
  Norm norm;
  UnitParameters parameters;
  Tables tables;
  Zoneout zoneout_c, zoneout_h;

  template <int kRows>
  __device__ __forceinline__ Rows<kRows> RowsOfStep() const {
    return Rows<kRows>(batch, padded, lengths, step, ended_count);
  }
  __device__ UnitTable Recurrent(int j) const {
    const int units = static_cast<int>(hidden);
    return {tables.recurrent_mean, tables.recurrent_var, 4 * units, j, units};
  }
  __device__ UnitTable Input(int j) const {
    const int units = static_cast<int>(hidden);
    return {tables.input_mean, tables.input_var, 4 * units, j, units};
  }
  __device__ UnitTable Cell(int j) const {
    return {tables.cell_mean, tables.cell_var, static_cast<int>(hidden), j, 0};
  }
};

}  // namespace bnlstm::cuda
