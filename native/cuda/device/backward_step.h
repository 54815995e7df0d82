#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// The sums of a unit over the batch and all steps, doubles; of kSumsOfUnit, a line of memory, where
/// the lanes of a warp have one each.
enum Sum { kSumBias = 0, kSumGammaH = 4, kSumGammaX = 8, kSumGammaC = 12, kSumBetaC, kSums };
constexpr int kSumsOfUnit = 16;

/// One step backward (docs/paper.md section 1.2), from what forward kept. Columns of dh, dc and
/// `temporary` lie `shape.padded` apart, all others `shape.stride`.
template <class Value>
struct BackwardStep {
  StepShape shape;
  bool through;  // gradients of the statistics
  const Value *kept_a, *kept_b;
  const float *c_before, *c;
  const Value* dy;   // or null
  float* dh;         // [H] in: gradient of h_t from later steps; out: what passes it by
  float* dc;         // [H] in: gradient of c_t from later steps; out: of c_{t-1}
  Value* da;         // [4H] gradients of the products
  Value* db;         // [4H]; null: not wanted
  float* dp;         // [4H] gradients of the pre-activations, or null
  double* sums;      // [kSums][H] added to
  float* temporary;  // [5H] where kRows is 0
};

/// What the warp of hidden unit j does. All that is read is asked for before the first sum.
template <int kRows, class Value>
__device__ inline void StepBackward(const BackwardStep<Value>& u, int64_t j) {
  const StepShape& shape = u.shape;
  const Rows rows = shape.RowsOfStep();
  const int64_t H = shape.hidden, at = j * shape.stride, carried_at = j * shape.padded;
  const bool none = shape.norm == Norm::kNone;
  const bool by_row = kRows == 0 && shape.norm == Norm::kTableByRow;
  const float inverse = u.through ? rows.InverseCount() : 0.0f;

  Held<kRows, Value> kept_a[4], kept_b[4], dy;
  Held<kRows, float> c, c_before, dh_in, dc_in;
  Column<kRows> dz, d_pre[4];  // d_pre[2] is there before the others
  float gamma_h[4], gamma_x[4], bias[4];
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    const int64_t column = (g * H + j) * shape.stride;
    kept_a[g].Load(rows, u.kept_a + column);
    kept_b[g].Load(rows, none ? nullptr : u.kept_b + column);
    d_pre[g].Place(u.temporary + (g * H + j) * shape.padded);
    gamma_h[g] = none ? 1.0f : shape.parameters.gamma_h[g * H + j];
    gamma_x[g] = none ? 1.0f : shape.parameters.gamma_x[g * H + j];
    bias[g] = shape.parameters.bias[g * H + j];
  }
  dz.Place(u.temporary + (4 * H + j) * shape.padded);
  dy.Load(rows, u.dy ? u.dy + at : nullptr);
  c.Load(rows, u.c + at);
  c_before.Load(rows, u.c_before + at);
  dh_in.Load(rows, u.dh + carried_at);
  dc_in.Load(rows, u.dc + carried_at);
  double* const unit_sums = u.sums + j * kSumsOfUnit;
  const double sum_before = device::Lane() < kSums ? unit_sums[device::Lane()] : 0;
  const float gamma_c = none ? 1.0f : shape.parameters.gamma_c[j];
  const float beta_c = shape.parameters.beta_c ? shape.parameters.beta_c[j] : 0.0f;
  const UnitTable recurrent_table = shape.Recurrent(j), input_table = shape.Input(j);
  const UnitTable cell_table = shape.Cell(j);
  Normalizer<4> recurrent, input;
  Normalizer<1> cell;
  if (!none && !by_row) {
    const int64_t row = shape.tables.Row(shape.step, 0);
    recurrent.Load(recurrent_table, row);
    input.Load(input_table, shape.tables.InputRow(row));
    cell.Load(cell_table, row);
  }
  const auto pre_activation = [&](int g, int i, int64_t n) {
    const float hat = kept_a[g].Get(i, n);
    if (none) return hat + bias[g];
    return fmaf(hat, gamma_h[g], fmaf(kept_b[g].Get(i, n), gamma_x[g], bias[g]));
  };

  // Steps 1 to 3: the output, and the normalised cell.
  float cell_sums[2] = {0, 0};  // of dz, of dz times the normalised cell
  rows.Each<kRows>([&](int i, int64_t n) {
    float d_z = 0, d_o = 0;
    if (n < rows.batch) {
      float dh = dh_in.Get(i, n) + dy.Get(i, n);
      const float fresh = Unsettle(shape.zoneout_h, rows, n, at + n, dh);
      u.dh[carried_at + n] = dh;
      if (rows.Runs(n)) {
        if (by_row) cell.Load(cell_table, shape.tables.Row(shape.step, n));
        const float state = c.Get(i, n), hat = none ? state : cell.Hat(0, state);
        const float y = tanhf(none ? state + beta_c : fmaf(hat, gamma_c, beta_c));
        const float o = Sigmoid(pre_activation(2, i, n));
        d_z = fresh * o * (1.0f - y * y);
        d_o = fresh * y * (o * (1.0f - o));
        cell_sums[0] += d_z;
        cell_sums[1] = fmaf(d_z, hat, cell_sums[1]);
      }
    }
    dz.Set(i, d_z);
    d_pre[2].Set(i, d_o);
  });
  WarpSums(cell_sums);

  // Steps 4 to 6: the cell, and the gates.
  float sums[12];  // by gate: of dP, of dP times the normalised a, times the normalised x Wx
  BNLSTM_UNROLL
  for (int k = 0; k < 12; ++k) sums[k] = 0;
  const float mean_dz = cell_sums[0] * inverse, mean_dz_hat = cell_sums[1] * inverse;
  rows.Each<kRows>([&](int i, int64_t n) {
    const float d_o = d_pre[2].Get(i);
    if (n >= rows.batch) {
      d_pre[0].Set(i, 0);
      d_pre[1].Set(i, 0);
      d_pre[3].Set(i, 0);
      return;
    }
    float inner = dz.Get(i);
    if (!none) {
      if (by_row) cell.Load(cell_table, shape.tables.Row(shape.step, n));
      if (rows.Counts(n)) inner -= fmaf(cell.Hat(0, c.Get(i, n)), mean_dz_hat, mean_dz);
      inner = inner * cell.r[0] * gamma_c;
    }
    float dc = dc_in.Get(i, n) + inner;
    const float fresh = Unsettle(shape.zoneout_c, rows, n, at + n, dc);
    float d[4] = {0, 0, 0, 0};
    if (rows.Runs(n)) {
      const float f = Sigmoid(pre_activation(0, i, n)), in = Sigmoid(pre_activation(1, i, n));
      const float g = tanhf(pre_activation(3, i, n)), previous = c_before.Get(i, n);
      dc = fmaf(fresh, f, dc);
      d[0] = fresh * previous * (f * (1.0f - f));
      d[1] = fresh * g * (in * (1.0f - in));
      d[2] = d_o;
      d[3] = fresh * in * (1.0f - g * g);
    }
    u.dc[carried_at + n] = dc;
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      d_pre[g].Set(i, d[g]);
      sums[g] += d[g];
      if (none) continue;
      sums[4 + g] = fmaf(d[g], kept_a[g].Get(i, n), sums[4 + g]);
      sums[8 + g] = fmaf(d[g], kept_b[g].Get(i, n), sums[8 + g]);
    }
  });
  WarpSums(sums);
  static_assert(kSumBias == 0 && kSumGammaH == 4 && kSumGammaX == 8 && kSumGammaC == 12 &&
                kSumBetaC == 13);
  float sum_of_lane = device::Lane() == kSumGammaC ? cell_sums[1] : cell_sums[0];
  BNLSTM_UNROLL
  for (int k = 0; k < 12; ++k) sum_of_lane = device::Lane() == k ? sums[k] : sum_of_lane;
  if (device::Lane() < kSums) {
    unit_sums[device::Lane()] = sum_before + static_cast<double>(sum_of_lane);
  }

  // Step 7: from dP to the gradients of the two products.
  rows.Each<kRows>([&](int i, int64_t n) {
    const bool counts = rows.Counts(n);
    if (by_row && n < rows.batch) {
      const int64_t row = shape.tables.Row(shape.step, n);
      recurrent.Load(recurrent_table, row);
      input.Load(input_table, shape.tables.InputRow(row));
    }
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      const int64_t to = (g * H + j) * shape.stride + n;
      const float d = d_pre[g].Get(i);
      float da = d, db = d;
      if (!none && n < rows.batch) {
        if (counts) {
          da -= fmaf(kept_a[g].Get(i, n), sums[4 + g] * inverse, sums[g] * inverse);
          db -= fmaf(kept_b[g].Get(i, n), sums[8 + g] * inverse, sums[g] * inverse);
        }
        da = da * recurrent.r[g] * gamma_h[g];
        db = db * input.r[g] * gamma_x[g];
      }
      StoreValue(u.da + to, da);
      if (u.db) StoreValue(u.db + to, db);
      if (u.dp) u.dp[to] = d;
    }
  });
}

}  // namespace bnlstm::cuda
