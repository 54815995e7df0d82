#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// One step forward (docs/paper.md section 1.1). Columns of `a` lie `shape.padded` apart, all others
/// `shape.stride`.
template <class Value>
struct ForwardStep {
  StepShape shape;
  float* a;  // [4H] h_{t-1} Wh; used up
  float* p;  // [4H] x_t Wx
  const float* c_before;
  float* c;
  const Value* h_before;
  Value* h;
  Value *kept_a, *kept_b;  // for backward, or null
};

/// What the warp of hidden unit j does. The caller has the products in memory.
template <int kRows, class Value>
__device__ inline void StepForward(const ForwardStep<Value>& u, int64_t j) {
  const StepShape& shape = u.shape;
  const Rows rows = shape.RowsOfStep();
  const int64_t H = shape.hidden;
  const bool none = shape.norm == Norm::kNone;
  const bool by_row = kRows == 0 && shape.norm == Norm::kTableByRow;

  Column<kRows> a[4], x[4], c[1];
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    float* const from_a = u.a + (g * H + j) * shape.padded;
    float* const from_x = u.p + (g * H + j) * shape.stride;
    a[g].Place(from_a);
    x[g].Place(from_x);
    if constexpr (kRows > 0) {
      rows.Each<kRows>([&](int i, int64_t n) {
        a[g].Set(i, from_a[n]);
        x[g].Set(i, from_x[n]);
      });
    }
  }
  c[0].Place(u.c + j * shape.stride);

  const UnitTable recurrent_table = shape.Recurrent(j), input_table = shape.Input(j);
  Normalizer<4> recurrent, input;
  if (shape.norm == Norm::kMeasure) {
    float var[4];
    Measure<kRows>(rows, a, recurrent.mean, var);
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      recurrent.r[g] = InverseRoot(var[g], shape.eps);
      if (device::Lane() == g) {
        const int64_t to = (shape.step * 4 + g) * H + j;
        shape.tables.recurrent_mean[to] = recurrent.mean[g];
        shape.tables.recurrent_var[to] = var[g];
      }
    }
    input.Load(input_table, shape.tables.InputRow(shape.step));  // measured when the run began
  } else if (shape.norm == Norm::kTable) {
    recurrent.Load(recurrent_table, shape.tables.Row(shape.step, 0));
    input.Load(input_table, shape.tables.InputRow(shape.tables.Row(shape.step, 0)));
  }

  float gamma_h[4], gamma_x[4], bias[4];
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    gamma_h[g] = none ? 1.0f : shape.parameters.gamma_h[g * H + j];
    gamma_x[g] = none ? 1.0f : shape.parameters.gamma_x[g * H + j];
    bias[g] = shape.parameters.bias[g * H + j];
  }
  rows.Each<kRows>([&](int i, int64_t n) {
    if (n >= rows.batch) {  // zeros, also where products will read
      c[0].Set(i, 0);
      if constexpr (kRows > 0) u.c[j * shape.stride + n] = 0;
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
        const float sum = a[g].Get(i) + x[g].Get(i);
        if (u.kept_a) StoreValue(u.kept_a + to, sum);
        pre[g] = sum + bias[g];
      } else {
        const float hat_a = recurrent.Hat(g, a[g].Get(i)), hat_x = input.Hat(g, x[g].Get(i));
        if (u.kept_a) StoreValue(u.kept_a + to, hat_a);
        if (u.kept_b) StoreValue(u.kept_b + to, hat_x);
        pre[g] = fmaf(hat_a, gamma_h[g], fmaf(hat_x, gamma_x[g], bias[g]));
      }
    }
    const float previous = u.c_before[j * shape.stride + n];
    const float next = fmaf(Sigmoid(pre[0]), previous, Sigmoid(pre[1]) * tanhf(pre[3]));
    const float settled = Settle(shape.zoneout_c, rows, n, j * shape.stride + n, previous, next);
    c[0].Set(i, settled);
    if constexpr (kRows > 0) u.c[j * shape.stride + n] = settled;
    a[2].Set(i, Sigmoid(pre[2]));
  });

  const UnitTable cell_table = shape.Cell(j);
  Normalizer<1> cell;
  if (shape.norm == Norm::kMeasure) {
    float var[1];
    Measure<kRows>(rows, c, cell.mean, var);
    cell.r[0] = InverseRoot(var[0], shape.eps);
    if (device::Lane() == 0) {
      shape.tables.cell_mean[shape.step * H + j] = cell.mean[0];
      shape.tables.cell_var[shape.step * H + j] = var[0];
    }
  } else if (shape.norm == Norm::kTable) {
    cell.Load(cell_table, shape.tables.Row(shape.step, 0));
  }
  const float gamma_c = none ? 1.0f : shape.parameters.gamma_c[j];
  const float beta_c = shape.parameters.beta_c ? shape.parameters.beta_c[j] : 0.0f;
  rows.Each<kRows>([&](int i, int64_t n) {
    Value* const to = u.h + j * shape.stride + n;
    if (n >= rows.batch) return StoreValue(to, 0);
    if (by_row) cell.Load(cell_table, shape.tables.Row(shape.step, n));
    const float z = none ? c[0].Get(i) + beta_c : fmaf(cell.Hat(0, c[0].Get(i)), gamma_c, beta_c);
    const float next = a[2].Get(i) * tanhf(z);
    const float previous = LoadValue(u.h_before + j * shape.stride + n);
    StoreValue(to, Settle(shape.zoneout_h, rows, n, j * shape.stride + n, previous, next));
  });
}

}  // namespace bnlstm::cuda
