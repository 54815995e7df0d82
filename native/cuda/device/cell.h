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

  __device__ int64_t Row(int64_t step, int n) const {
    const int64_t row = step + (first_step ? first_step[n] : 0);
    return row < steps ? row : steps - 1;
  }
  __device__ int64_t InputRow(int64_t row) const {
    return row < input_steps ? row : input_steps - 1;
  }
};

/// Where one of the three normalisations of a unit has its statistics.
struct UnitTable {
  const float *means, *vars;
  int64_t width, column, apart;  // of a row; of the first column; from column to column
  float eps;
};

/// One of the three normalisations of some columns, `x_hat = (x - mean) r`.
template <int kColumns>
struct Normalizer {
  float mean[kColumns] = {}, r[kColumns] = {};

  __device__ __forceinline__ void Load(const UnitTable& table, int64_t row) {
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      const int64_t at = row * table.width + table.column + k * table.apart;
      mean[k] = table.means[at];
      r[k] = InverseRoot(table.vars[at], table.eps);
    }
  }
  __device__ __forceinline__ float Hat(int k, float x) const { return (x - mean[k]) * r[k]; }
};

/// The previous value of a state against its next one (Krueger et al. 2017): kept where `keep`
/// [H], columns `stride` apart, is not 0; without it mixed in by `rate`.
struct Zoneout {
  float rate;
  const uint8_t* keep;
};

/// The state after zoneout, of row n at place `at` of the run.
__device__ inline float Settle(const Zoneout& zoneout, const Rows& rows, int n, int64_t at,
                               float previous, float next) {
  if (!rows.Runs(n)) return previous;
  if (zoneout.keep) return zoneout.keep[at] ? previous : next;
  if (zoneout.rate == 0) return next;
  return previous * zoneout.rate + next * (1.0f - zoneout.rate);
}

/// Splits a state's gradient: returns what reaches the next value, leaves in `gradient` what passes
/// to the previous one.
__device__ inline float Unsettle(const Zoneout& zoneout, const Rows& rows, int n, int64_t at,
                                 float& gradient) {
  const float whole = gradient;
  if (!rows.Runs(n)) return 0;
  if (zoneout.keep) {
    const bool keeps = zoneout.keep[at] != 0;
    gradient = keeps ? whole : 0;
    return keeps ? 0 : whole;
  }
  gradient = zoneout.rate == 0 ? 0 : whole * zoneout.rate;
  return zoneout.rate == 0 ? whole : whole * (1.0f - zoneout.rate);
}

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

  __device__ Rows RowsOfStep() const { return Rows(batch, padded, lengths, step, ended_count); }
  __device__ UnitTable Recurrent(int64_t j) const {
    return {tables.recurrent_mean, tables.recurrent_var, 4 * hidden, j, hidden, eps};
  }
  __device__ UnitTable Input(int64_t j) const {
    return {tables.input_mean, tables.input_var, 4 * hidden, j, hidden, eps};
  }
  __device__ UnitTable Cell(int64_t j) const {
    return {tables.cell_mean, tables.cell_var, hidden, j, 0, eps};
  }
};

}  // namespace bnlstm::cuda
