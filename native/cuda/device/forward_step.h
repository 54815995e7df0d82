#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// One step forward (docs/paper.md section 1.1). Columns of `a` lie `shape.padded` apart, all others
/// `shape.stride`.
template <class Value>
struct ForwardStep {
  StepShape shape;
  float* a;        // [4H] h_{t-1} Wh; used up
  const float* p;  // [4H] x_t Wx
  const float* c_before;
  float* c;
  const Value* h_before;
  Value* h;
  Value *kept_a, *kept_b;  // for backward, or null
};

/// What the warp of hidden unit j does. The caller has the products in memory. All that is read is
/// asked for before the first sum, so that its ways from memory overlap.
template <int kRows, class Value>
__device__ inline void StepForward(const ForwardStep<Value>& u, int64_t j) {
  const StepShape& shape = u.shape;
  const Rows rows = shape.RowsOfStep();
  const int64_t H = shape.hidden, at = j * shape.stride;
  const bool none = shape.norm == Norm::kNone, measures = shape.norm == Norm::kMeasure;
  const bool by_row = kRows == 0 && shape.norm == Norm::kTableByRow;

  Column<kRows> a[4], c[1];
  Held<kRows, float> x[4], c_before;
  Held<kRows, Value> h_before;
  float gamma_h[4], gamma_x[4], bias[4];
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    float* const from_a = u.a + (g * H + j) * shape.padded;
    a[g].Place(from_a);
    if constexpr (kRows > 0) rows.Each<kRows>([&](int i, int64_t n) { a[g].Set(i, from_a[n]); });
    x[g].Load(rows, u.p + (g * H + j) * shape.stride);
    gamma_h[g] = none ? 1.0f : shape.parameters.gamma_h[g * H + j];
    gamma_x[g] = none ? 1.0f : shape.parameters.gamma_x[g * H + j];
    bias[g] = shape.parameters.bias[g * H + j];
  }
  c[0].Place(u.c + at);
  c_before.Load(rows, u.c_before + at);
  const bool wants_h_before = shape.lengths || shape.zoneout_h.rate != 0;
  h_before.Load(rows, wants_h_before ? u.h_before + at : nullptr);
  const float gamma_c = none ? 1.0f : shape.parameters.gamma_c[j];
  const float beta_c = shape.parameters.beta_c ? shape.parameters.beta_c[j] : 0.0f;
  const UnitTable recurrent_table = shape.Recurrent(j), input_table = shape.Input(j);
  const UnitTable cell_table = shape.Cell(j);
  Normalizer<4> recurrent, input;
  Normalizer<1> cell;
  if (measures) {
    input.Load(input_table, shape.tables.InputRow(shape.step));  // measured when the run began
  } else if (shape.norm == Norm::kTable) {
    const int64_t row = shape.tables.Row(shape.step, 0);
    recurrent.Load(recurrent_table, row);
    input.Load(input_table, shape.tables.InputRow(row));
    cell.Load(cell_table, row);
  }

  if (measures) {
    float var[4];
    Measure<kRows>(rows, a, recurrent.mean, var);
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      recurrent.r[g] = InverseRoot(var[g], shape.eps);
      if (device::Lane() == 0) {  // one lane for all: it waits for no store
        const int64_t to = (shape.step * 4 + g) * H + j;
        shape.tables.recurrent_mean[to] = recurrent.mean[g];
        shape.tables.recurrent_var[to] = var[g];
      }
    }
  }
  rows.Each<kRows>([&](int i, int64_t n) {
    if (n >= rows.batch) {  // zeros, also where products will read
      c[0].Set(i, 0);
      if constexpr (kRows > 0) u.c[at + n] = 0;
      a[2].Set(i, 0);
      return;
    }
    if (by_row) {
      const int64_t row = shape.tables.Row(shape.step, n);
      recurrent.Load(recurrent_table, row);
      input.Load(input_table, shape.tables.InputRow(row));
    }
    float pre[4];
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      const int64_t to = (g * H + j) * shape.stride + n;
      if (none) {
        const float sum = a[g].Get(i) + x[g].Get(i, n);
        if (u.kept_a) StoreValue(u.kept_a + to, sum);
        pre[g] = sum + bias[g];
      } else {
        const float hat_a = recurrent.Hat(g, a[g].Get(i)), hat_x = input.Hat(g, x[g].Get(i, n));
        if (u.kept_a) StoreValue(u.kept_a + to, hat_a);
        if (u.kept_b) StoreValue(u.kept_b + to, hat_x);
        pre[g] = fmaf(hat_a, gamma_h[g], fmaf(hat_x, gamma_x[g], bias[g]));
      }
    }
    const float previous = c_before.Get(i, n);
    const float next = fmaf(Sigmoid(pre[0]), previous, Sigmoid(pre[1]) * tanhf(pre[3]));
    const float settled = Settle(shape.zoneout_c, rows, n, at + n, previous, next);
    c[0].Set(i, settled);
    if constexpr (kRows > 0) u.c[at + n] = settled;
    a[2].Set(i, Sigmoid(pre[2]));
  });

  if (measures) {
    float var[1];
    Measure<kRows>(rows, c, cell.mean, var);
    cell.r[0] = InverseRoot(var[0], shape.eps);
    if (device::Lane() == 0) {
      shape.tables.cell_mean[shape.step * H + j] = cell.mean[0];
      shape.tables.cell_var[shape.step * H + j] = var[0];
    }
  }
  rows.Each<kRows>([&](int i, int64_t n) {
    Value* const to = u.h + at + n;
    if (n >= rows.batch) return StoreValue(to, 0);
    if (by_row) cell.Load(cell_table, shape.tables.Row(shape.step, n));
    const float z = none ? c[0].Get(i) + beta_c : fmaf(cell.Hat(0, c[0].Get(i)), gamma_c, beta_c);
    const float next = a[2].Get(i) * tanhf(z);
    StoreValue(to, Settle(shape.zoneout_h, rows, n, at + n, h_before.Get(i, n), next));
  });
}

}  // namespace bnlstm::cuda
