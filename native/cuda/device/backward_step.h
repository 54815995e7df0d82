#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// The sums of a unit over the batch and all steps, doubles; of kSumsOfUnit, a line of memory, where
/// the lanes of a warp have one each.
enum Sum { kSumBias = 0, kSumGammaH = 4, kSumGammaX = 8, kSumGammaC = 12, kSumBetaC, kSums };
constexpr int kSumsOfUnit = 16;

/// What forward kept of a step, and the gradient of its output, in the lanes of the unit's warp.
template <int kRows, class Value>
struct KeptStep {
  Held<kRows, Value> a[4], x[4], dy;
  Held<kRows, float> c, c_before;
};

/// What the warp of a hidden unit does in a step backward (docs/paper.md section 1.2). Every plan of
/// the backward pass is this, between its own ways to bring values and to take them away. In the
/// order of the calls. `kFast` as in ForwardUnit.
template <int kRows, class Value, bool kFast>
class BackwardUnit {
 public:
  using Kept = KeptStep<kRows, Value>;

  /// Reads the parameters. `through`: gradients of the statistics.
  __device__ BackwardUnit(const StepShape& shape, bool through, int64_t unit)
      : j_(unit),
        none_(shape.norm == Norm::kNone),
        by_row_(kRows == 0 && shape.norm == Norm::kTableByRow),
        through_(through) {
    const int64_t H = shape.hidden;
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      gamma_h_[g] = none_ ? 1.0f : shape.parameters.gamma_h[g * H + j_];
      gamma_x_[g] = none_ ? 1.0f : shape.parameters.gamma_x[g * H + j_];
      bias_[g] = shape.parameters.bias[g * H + j_];
    }
    gamma_c_ = none_ ? 1.0f : shape.parameters.gamma_c[j_];
    beta_c_ = shape.parameters.beta_c ? shape.parameters.beta_c[j_] : 0.0f;
  }

  /// Reads the step's statistics.
  __device__ __forceinline__ void LoadStatistics(const StepShape& shape) {
    if (none_ || by_row_) return;
    const int64_t row = shape.tables.Row(shape.step, 0);
    recurrent_.Load(shape.Recurrent(j_), row);
    input_.Load(shape.Input(j_), shape.tables.InputRow(row));
    cell_.Load(shape.Cell(j_), row);
  }

  /// Steps 1 to 6: from the gradients of h_t and c_t, without dy, to those of the pre-activations
  /// `d_pre`. `dh(i, n)`, `dc(i, n)`: the former; `pass_h(i, n, d)`, `pass_c(i, n, d)` are given what
  /// goes to h_{t-1} past the products, and the gradient of c_{t-1}. `dz` is used up.
  template <class GetH, class GetC, class PassH, class PassC>
  __device__ __forceinline__ void PreActivations(const StepShape& shape, const Rows& rows,
                                                 int64_t at, const Kept& kept, const GetH& get_h,
                                                 const GetC& get_c, const PassH& pass_h,
                                                 const PassC& pass_c, Column<kRows>& dz,
                                                 Column<kRows> (&d_pre)[4]) {
    inverse_ = through_ ? rows.InverseCount() : 0.0f;
    cell_sums_[0] = cell_sums_[1] = 0;  // of dz, of dz times the normalised cell
    rows.Each<kRows>([&](int i, int n) {
      float d_z = 0, d_o = 0;
      if (n < rows.batch) {
        float dh = get_h(i, n) + kept.dy.Get(i, n);
        const float fresh = Unsettle(shape.zoneout_h, rows, n, at + n, dh);
        pass_h(i, n, dh);
        if (rows.Runs(n)) {
          if (by_row_) cell_.Load(shape.Cell(j_), shape.tables.Row(shape.step, n));
          const float state = kept.c.Get(i, n), hat = none_ ? state : cell_.Hat(0, state);
          const float y =
              Gate<kFast>::Tanh(none_ ? state + beta_c_ : fmaf(hat, gamma_c_, beta_c_));
          const float o = Gate<kFast>::Sigmoid(PreActivation(kept, 2, i, n));
          d_z = fresh * o * (1.0f - y * y);
          d_o = fresh * y * (o * (1.0f - o));
          cell_sums_[0] += d_z;
          cell_sums_[1] = fmaf(d_z, hat, cell_sums_[1]);
        }
      }
      dz.Set(i, d_z);
      d_pre[2].Set(i, d_o);
    });
    WarpSums(cell_sums_);

    BNLSTM_UNROLL
    for (int k = 0; k < 12; ++k) sums_[k] = 0;
    const float mean_dz = cell_sums_[0] * inverse_, mean_dz_hat = cell_sums_[1] * inverse_;
    rows.Each<kRows>([&](int i, int n) {
      const float d_o = d_pre[2].Get(i);
      if (n >= rows.batch) {
        d_pre[0].Set(i, 0);
        d_pre[1].Set(i, 0);
        d_pre[3].Set(i, 0);
        return;
      }
      float inner = dz.Get(i);
      if (!none_) {
        if (by_row_) cell_.Load(shape.Cell(j_), shape.tables.Row(shape.step, n));
        if (rows.Counts(n)) inner -= fmaf(cell_.Hat(0, kept.c.Get(i, n)), mean_dz_hat, mean_dz);
        inner = inner * cell_.r[0] * gamma_c_;
      }
      float dc = get_c(i, n) + inner;
      const float fresh = Unsettle(shape.zoneout_c, rows, n, at + n, dc);
      float d[4] = {0, 0, 0, 0};
      if (rows.Runs(n)) {
        const float f = Gate<kFast>::Sigmoid(PreActivation(kept, 0, i, n));
        const float in = Gate<kFast>::Sigmoid(PreActivation(kept, 1, i, n));
        const float g = Gate<kFast>::Tanh(PreActivation(kept, 3, i, n));
        dc = fmaf(fresh, f, dc);
        d[0] = fresh * kept.c_before.Get(i, n) * (f * (1.0f - f));
        d[1] = fresh * g * (in * (1.0f - in));
        d[2] = d_o;
        d[3] = fresh * in * (1.0f - g * g);
      }
      pass_c(i, n, dc);
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) {
        d_pre[g].Set(i, d[g]);
        sums_[g] += d[g];
        if (none_) continue;
        sums_[4 + g] = fmaf(d[g], kept.a[g].Get(i, n), sums_[4 + g]);
        sums_[8 + g] = fmaf(d[g], kept.x[g].Get(i, n), sums_[8 + g]);
      }
    });
    WarpSums(sums_);
  }

  /// Of the sums over the batch of this step, the lane's, in the order of Sum.
  __device__ __forceinline__ float SumOfLane() const {
    static_assert(kSumBias == 0 && kSumGammaH == 4 && kSumGammaX == 8 && kSumGammaC == 12 &&
                  kSumBetaC == 13);
    float sum = device::Lane() == kSumGammaC ? cell_sums_[1] : cell_sums_[0];
    BNLSTM_UNROLL
    for (int k = 0; k < 12; ++k) sum = device::Lane() == k ? sums_[k] : sum;
    return sum;
  }

  /// Step 7: from the gradients of the pre-activations to those of the two products, gate by gate:
  /// `set(i, n, g, da, db, d)`, zeros in the padding.
  template <class Set>
  __device__ __forceinline__ void Products(const StepShape& shape, const Rows& rows,
                                           const Kept& kept, const Column<kRows> (&d_pre)[4],
                                           const Set& set) {
    rows.Each<kRows>([&](int i, int n) {
      const bool counts = rows.Counts(n);
      if (by_row_ && n < rows.batch) {
        const int64_t row = shape.tables.Row(shape.step, n);
        recurrent_.Load(shape.Recurrent(j_), row);
        input_.Load(shape.Input(j_), shape.tables.InputRow(row));
      }
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) {
        const float d = d_pre[g].Get(i);
        float da = d, db = d;
        if (!none_ && n < rows.batch) {
          if (counts) {
            da -= fmaf(kept.a[g].Get(i, n), sums_[4 + g] * inverse_, sums_[g] * inverse_);
            db -= fmaf(kept.x[g].Get(i, n), sums_[8 + g] * inverse_, sums_[g] * inverse_);
          }
          da = da * recurrent_.r[g] * gamma_h_[g];
          db = db * input_.r[g] * gamma_x_[g];
        }
        set(i, n, g, da, db, d);
      }
    });
  }

 private:
  __device__ __forceinline__ float PreActivation(const Kept& kept, int g, int i, int n) const {
    const float a = kept.a[g].Get(i, n);
    if (none_) return a + bias_[g];
    return fmaf(a, gamma_h_[g], fmaf(kept.x[g].Get(i, n), gamma_x_[g], bias_[g]));
  }

  int64_t j_;
  bool none_, by_row_, through_;
  float gamma_h_[4], gamma_x_[4], bias_[4], gamma_c_, beta_c_;
  Normalizer<4> recurrent_, input_;
  Normalizer<1> cell_;
  float inverse_ = 0, cell_sums_[2] = {};
  float sums_[12] = {};  // by gate: of dP, of dP times the normalised a, times the normalised x Wx
};

/// One step of the plan `steps`, from what forward kept. Columns of dh, dc and `temporary` lie
/// `shape.padded` apart, all others `shape.stride`.
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
  KeptStep<kRows, Value> kept;
  Held<kRows, float> dh_in, dc_in;
  Column<kRows> dz, d_pre[4];
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    const int64_t column = (g * H + j) * shape.stride;
    kept.a[g].Load(rows, u.kept_a + column);
    kept.x[g].Load(rows, none ? nullptr : u.kept_b + column);
    d_pre[g].Place(u.temporary + (g * H + j) * shape.padded);
  }
  dz.Place(u.temporary + (4 * H + j) * shape.padded);
  kept.dy.Load(rows, u.dy ? u.dy + at : nullptr);
  kept.c.Load(rows, u.c + at);
  kept.c_before.Load(rows, u.c_before + at);
  dh_in.Load(rows, u.dh + carried_at);
  dc_in.Load(rows, u.dc + carried_at);
  double* const unit_sums = u.sums + j * kSumsOfUnit;
  const double sum_before = device::Lane() < kSums ? unit_sums[device::Lane()] : 0;
  BackwardUnit<kRows, Value, false> unit(shape, u.through, j);
  unit.LoadStatistics(shape);

  unit.PreActivations(
      shape, rows, at, kept, [&](int i, int n) { return dh_in.Get(i, n); },
      [&](int i, int n) { return dc_in.Get(i, n); },
      [&](int, int n, float d) { u.dh[carried_at + n] = d; },
      [&](int, int n, float d) { u.dc[carried_at + n] = d; }, dz, d_pre);
  if (device::Lane() < kSums) {
    unit_sums[device::Lane()] = sum_before + static_cast<double>(unit.SumOfLane());
  }
  unit.Products(shape, rows, kept, d_pre,
                [&](int, int n, int g, float da, float db, float d) {
                  const int64_t to = (g * H + j) * shape.stride + n;
                  StoreValue(u.da + to, da);
                  if (u.db) StoreValue(u.db + to, db);
                  if (u.dp) u.dp[to] = d;
                });
}

}  // namespace bnlstm::cuda
