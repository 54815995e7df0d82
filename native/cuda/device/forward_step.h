#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// What the warp of a hidden unit does in a step forward (docs/paper.md section 1.1), once the product
/// of the hidden state is there. Every plan of the forward pass is this, between its own ways to bring
/// values and to take them away. In the order of the calls; `a` are the products h_{t-1} Wh of the
/// four gates. What comes of the inputs, `gammaX BN(x_t Wx) + b` or with norm 'none' x_t Wx alone, is
/// the caller's term. `kFast`: for operands rounded to bf16 or TF32, beside which the errors of one-pass
/// statistics and of fast gates are nothing.
template <int kRows, bool kFast>
class ForwardUnit {
 public:
  using RowsOfStep = Rows<kRows>;
  using Products = Column<kRows>[4];

  /// Reads the parameters.
  __device__ __forceinline__ ForwardUnit(const StepShape& shape, int64_t unit)
      : j_(static_cast<int>(unit)),
        none_(shape.norm == Norm::kNone),
        measures_(shape.norm == Norm::kMeasure),
        by_row_(kRows == 0 && shape.norm == Norm::kTableByRow) {
    const int64_t H = shape.hidden;
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      gamma_h_[g] = none_ ? 1.0f : shape.parameters.gamma_h[g * H + j_];
      bias_[g] = none_ ? shape.parameters.bias[g * H + j_] : 0.0f;
    }
    gamma_c_ = none_ ? 1.0f : shape.parameters.gamma_c[j_];
    beta_c_ = shape.parameters.beta_c ? shape.parameters.beta_c[j_] : 0.0f;
  }

  /// Reads what is known of the step's statistics before it runs.
  __device__ __forceinline__ void LoadStatistics(const StepShape& shape) {
    if (shape.norm != Norm::kTable) return;
    const int row = shape.tables.Row(shape.step, 0);
    recurrent_.Load(shape.Recurrent(j_), row);
    cell_.Load(shape.Cell(j_), row);
  }

  /// Statistics of the products.
  __device__ __forceinline__ void MeasureProducts(const StepShape& shape, const RowsOfStep& rows,
                                                  const Products& a) {
    if (measures_) {
      of_products_ = MeasureColumns(rows, a, shape.eps, recurrent_);
    } else if (!none_ && !by_row_) {
      recurrent_.Invert(shape.eps);
      cell_.Invert(shape.eps);
    }
  }

  /// c of the rows of the lane, after zoneout, and the output gate; zeros in the padding.
  /// `term(g, i, n)`: of the inputs; `previous(i, n)`: c before; `weight(i, n)`: of zoneout;
  /// `keep(i, n, g, kept)` is given what backward wants of each gate's product.
  template <class Term, class Previous, class Weight, class Keep>
  __device__ __forceinline__ void Gates(const StepShape& shape, const RowsOfStep& rows,
                                        const Products& a, const Term& term,
                                        const Previous& previous, const Weight& weight,
                                        const Keep& keep, Column<kRows>& c, Column<kRows>& o) {
    rows.All([&](int i, int n) {
      if (by_row_) {
        const int row = RowOf(shape, rows, n);
        recurrent_.Load(shape.Recurrent(j_), row);
        recurrent_.Invert(shape.eps);
      }
      float pre[4];
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) {
        const float x = term(g, i, n), kept = Kept(g, a[g].Get(i), x);
        keep(i, n, g, kept);
        pre[g] = fmaf(kept, gamma_h_[g], none_ ? bias_[g] : x);
      }
      const float before = previous(i, n), input = Gate<kFast>::Sigmoid(pre[1]);
      const float next =
          fmaf(Gate<kFast>::Sigmoid(pre[0]), before, input * Gate<kFast>::Tanh(pre[3]));
      const bool inside = rows.Inside(i, n);
      c.Set(i, inside ? weight(i, n).Settle(before, next) : 0.0f);
      o.Set(i, inside ? Gate<kFast>::Sigmoid(pre[2]) : 0.0f);
    });
  }

  __device__ __forceinline__ void MeasureCell(const StepShape& shape, const RowsOfStep& rows,
                                              const Column<kRows> (&c)[1]) {
    if (measures_) of_cell_ = MeasureColumns(rows, c, shape.eps, cell_);
  }

  /// h of the rows of the lane: `set(i, n, h)`, zeros in the padding. `previous(i, n)`: h before.
  template <class Previous, class Weight, class Set>
  __device__ __forceinline__ void Hidden(const StepShape& shape, const RowsOfStep& rows,
                                         const Column<kRows>& c, const Column<kRows>& o,
                                         const Previous& previous, const Weight& weight,
                                         const Set& set) {
    rows.All([&](int i, int n) {
      if (by_row_) {
        cell_.Load(shape.Cell(j_), RowOf(shape, rows, n));
        cell_.Invert(shape.eps);
      }
      const float z = fmaf(cell_.Hat(0, c.Get(i)), gamma_c_, beta_c_);
      const float next = o.Get(i) * Gate<kFast>::Tanh(z);
      set(i, n, rows.Inside(i, n) ? weight(i, n).Settle(previous(i, n), next) : 0.0f);
    });
  }

  /// Writes the statistics that were measured.
  __device__ __forceinline__ void StoreStatistics(const StepShape& shape) const {
    if (!measures_) return;
    constexpr int kLanes = kLanesOfColumn<4>;
    const int H = static_cast<int>(shape.hidden), g = device::Lane() / kLanes;
    if (g > 4 || device::Lane() % kLanes != 0) return;
    const bool gates = g < 4;
    const int64_t to = shape.step * (gates ? 4 * H : H) + (gates ? g * H + j_ : j_);
    (gates ? shape.tables.recurrent_mean : shape.tables.cell_mean)[to] =
        gates ? of_products_.mean : of_cell_.mean;
    (gates ? shape.tables.recurrent_var : shape.tables.cell_var)[to] =
        gates ? of_products_.var : of_cell_.var;
  }

  /// What backward wants of a gate's product: normalised; with norm 'none' the sum of both products.
  __device__ __forceinline__ float Kept(int g, float a, float x) const {
    const float hat = recurrent_.Hat(g, a);
    return none_ ? hat + x : hat;
  }

 private:
  __device__ int RowOf(const StepShape& shape, const RowsOfStep& rows, int n) const {
    return shape.tables.Row(shape.step, n < rows.batch ? n : 0);
  }

  /// Measures some columns, and returns the moments of the lane's (MeasureOnce).
  template <int kColumns>
  __device__ __forceinline__ static Moments MeasureColumns(const RowsOfStep& rows,
                                                           const Column<kRows> (&columns)[kColumns],
                                                           float eps, Normalizer<kColumns>& norm) {
    if constexpr (kFast) {
      const Moments mine = MeasureOnce(rows, columns);
      norm.Share(mine.mean, InverseRoot(mine.var, eps), kLanesOfColumn<kColumns>);
      return mine;
    } else {
      Measure(rows, columns, norm.mean, norm.r);
      const Moments mine = {OfLane(norm.mean), OfLane(norm.r)};
      norm.Invert(eps);
      return mine;
    }
  }

  int j_;
  bool none_, measures_, by_row_;
  float gamma_h_[4], bias_[4], gamma_c_, beta_c_;
  Normalizer<4> recurrent_;
  Normalizer<1> cell_;
  Moments of_products_, of_cell_;  // the lane's
};

/// The same for the inputs' products of `kColumns` columns, `apart` from one another: their statistics
/// are known before the step.
template <int kColumns>
class InputColumns {
 public:
  __device__ __forceinline__ InputColumns(const StepShape& shape, int64_t column, int64_t apart)
      : table_{shape.tables.input_mean, shape.tables.input_var, 4 * static_cast<int>(shape.hidden),
               static_cast<int>(column), static_cast<int>(apart)},
        none_(shape.norm == Norm::kNone) {
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      gamma_[k] = none_ ? 1.0f : shape.parameters.gamma_x[column + k * apart];
      bias_[k] = none_ ? 0.0f : shape.parameters.bias[column + k * apart];
    }
  }
  /// `row` of the tables of all statistics.
  __device__ __forceinline__ void Load(const StepShape& shape, int row) {
    if (none_) return;
    norm_.Load(table_, shape.tables.InputRow(row));
    norm_.Invert(shape.eps);
  }
  __device__ __forceinline__ float Hat(int k, float x) const { return norm_.Hat(k, x); }
  __device__ __forceinline__ float Term(int k, float x) const {
    return none_ ? x : fmaf(Hat(k, x), gamma_[k], bias_[k]);
  }

 private:
  const UnitTable table_;
  const bool none_;
  float gamma_[kColumns], bias_[kColumns];
  Normalizer<kColumns> norm_;
};

/// One step of the plan `steps`. Columns of `a` lie `shape.padded` apart, all others `shape.stride`.
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
  const auto rows = shape.RowsOfStep<kRows>();
  const int64_t H = shape.hidden, at = j * shape.stride;
  Column<kRows> a[4], c[1], o;
  Held<kRows, float> x[4], c_before;
  Held<kRows, Value> h_before;
  Held<kRows, float> products[4];
  Outgoing<kRows, Value> kept_a[4], kept_b[4], h;
  Outgoing<kRows, float> c_after;
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    const int64_t column = (g * H + j) * shape.padded, to = (g * H + j) * shape.stride;
    a[g].Place(u.a + column);
    if constexpr (kRows > 0) products[g].Load(rows, u.a, column);
    x[g].Load(rows, u.p, to);
    kept_a[g].Place(u.kept_a ? u.kept_a + to : nullptr);
    kept_b[g].Place(u.kept_b ? u.kept_b + to : nullptr);
  }
  h.Place(u.h + at);
  c_after.Place(u.c + at);
  c[0].Place(u.c + at);
  o.Place(u.a + (2 * H + j) * shape.padded);  // where its product was
  c_before.Load(rows, u.c_before, at);
  if (shape.lengths || shape.zoneout_h.rate != 0) {
    h_before.Load(rows, u.h_before, at);
  }
  if constexpr (kRows > 0) {
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      rows.All([&](int i, int n) { a[g].Set(i, products[g].Get(i, n)); });
    }
  }
  ForwardUnit<kRows, false> unit(shape, j);
  unit.LoadStatistics(shape);
  InputColumns<4> input(shape, j, H);
  const bool by_row = kRows == 0 && shape.norm == Norm::kTableByRow;
  if (!by_row) input.Load(shape, shape.tables.Row(shape.step, 0));

  unit.MeasureProducts(shape, rows, a);
  unit.Gates(
      shape, rows, a,
      [&](int g, int i, int n) {
        if (by_row && g == 0)
          input.Load(shape, shape.tables.Row(shape.step, n < rows.batch ? n : 0));
        return input.Term(g, x[g].Get(i, n));
      },
      [&](int i, int n) { return c_before.Get(i, n); },
      [&](int i, int n) { return shape.zoneout_c.Of(rows, i, n, at + n); },
      [&](int i, int n, int g, float kept) {
        kept_a[g].Set(i, n, kept);
        kept_b[g].Set(i, n, input.Hat(g, x[g].Get(i, n)));
      },
      c[0], o);
  unit.MeasureCell(shape, rows, c);
  unit.Hidden(
      shape, rows, c[0], o, [&](int i, int n) { return h_before.Get(i, n); },
      [&](int i, int n) { return shape.zoneout_h.Of(rows, i, n, at + n); },
      [&](int i, int n, float next) {
        if constexpr (kRows > 0) c_after.Set(i, n, c[0].Get(i));
        h.Set(i, n, next);
      });
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    kept_a[g].Store(rows);
    kept_b[g].Store(rows);
  }
  c_after.Store(rows);
  h.Store(rows);
  unit.StoreStatistics(shape);
}

}  // namespace bnlstm::cuda
