#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// The sums of a unit over the batch and all steps, doubles; of kSumsOfUnit, a line of memory, where
/// the lanes of a warp have one each.
enum Sum { kSumBias = 0, kSumGammaH = 4, kSumGammaX = 8, kSumGammaC = 12, kSumBetaC };
constexpr int kSumsOfUnit = 16;

/// The sum of a unit that the lane adds to: two lanes have the same one, as WarpSums leaves them.
class SumOfUnit {
 public:
  static constexpr int kLanes = 2;

  __device__ __forceinline__ SumOfUnit(double* sums, int64_t unit)
      : place_(sums + unit * kSumsOfUnit + device::Lane() / kLanes), value_(*place_) {}
  __device__ __forceinline__ void Add(float value) { value_ += static_cast<double>(value); }
  __device__ __forceinline__ void Store() const {
    if (device::Lane() % kLanes == 0) *place_ = value_;
  }

 private:
  static_assert(kSumsOfUnit * kLanes == device::kWarp);
  double* const place_;
  double value_;
};

/// What forward kept of a step, and the gradient of its output, in the lanes of the unit's warp.
template <int kRows, class Value>
struct KeptStep {
  Held<kRows, Value> a[4], x[4], dy;
  Held<kRows, float> c, c_before;
};

/// What the warp of a hidden unit does in a step backward (docs/paper.md section 1.2). Every plan of
/// the backward pass is this, between its own ways to bring values and to take them away. In the
/// order of the calls. `kFast` as in ForwardUnit. Without normalisation all is the same with the
/// identity: means 0, factors and gammas 1, and no gradient through statistics.
template <int kRows, class Value, bool kFast>
class BackwardUnit {
 public:
  using RowsOfStep = Rows<kRows>;
  using Kept = KeptStep<kRows, Value>;

  /// Reads the parameters. `through`: gradients of the statistics.
  __device__ __forceinline__ BackwardUnit(const StepShape& shape, bool through, int64_t unit)
      : j_(static_cast<int>(unit)),
        tables_(shape.norm == Norm::kTable),
        by_row_(kRows == 0 && shape.norm == Norm::kTableByRow),
        through_(through) {
    const int64_t H = shape.hidden;
    const bool none = shape.norm == Norm::kNone;
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      gamma_h_[g] = none ? 1.0f : shape.parameters.gamma_h[g * H + j_];
      gamma_x_[g] = none ? 1.0f : shape.parameters.gamma_x[g * H + j_];
      bias_[g] = shape.parameters.bias[g * H + j_];
    }
    gamma_c_ = none ? 1.0f : shape.parameters.gamma_c[j_];
    beta_c_ = shape.parameters.beta_c ? shape.parameters.beta_c[j_] : 0.0f;
  }

  /// Reads the step's statistics.
  __device__ __forceinline__ void LoadStatistics(const StepShape& shape) {
    if (!tables_) return;
    const int row = shape.tables.Row(shape.step, 0);
    recurrent_.Load(shape.Recurrent(j_), row);
    input_.Load(shape.Input(j_), shape.tables.InputRow(row));
    cell_.Load(shape.Cell(j_), row);
  }

  /// Steps 1 to 6: from the gradients of h_t and c_t, without dy, to those of the pre-activations
  /// `d_pre`. `dh(i, n)`, `dc(i, n)`: the former; `weight_h(i, n)`, `weight_c(i, n)`: of zoneout;
  /// `pass_h(i, n, d)`, `pass_c(i, n, d)` are given what goes to h_{t-1} past the products, and the
  /// gradient of c_{t-1}. `dz` is used up.
  template <class GetH, class GetC, class WeightH, class WeightC, class PassH, class PassC>
  __device__ __forceinline__ void PreActivations(const StepShape& shape, const RowsOfStep& rows,
                                                 const Kept& kept, const GetH& get_h,
                                                 const GetC& get_c, const WeightH& weight_h,
                                                 const WeightC& weight_c, const PassH& pass_h,
                                                 const PassC& pass_c, Column<kRows>& dz,
                                                 Column<kRows> (&d_pre)[4]) {
    if (tables_) {
      recurrent_.Invert(shape.eps);
      input_.Invert(shape.eps);
      cell_.Invert(shape.eps);
    }
    inverse_ = through_ ? rows.inverse_count : 0.0f;
    cell_sums_[0] = cell_sums_[1] = 0;  // of dz, of dz times the normalised cell
    rows.All([&](int i, int n) {
      LoadCell(shape, rows, n);
      const float dh = get_h(i, n) + kept.dy.Get(i, n), weight = weight_h(i, n);
      const float fresh = Fresh(weight, dh), hat = cell_.Hat(0, kept.c.Get(i, n));
      pass_h(i, n, Passed(weight, dh));
      const float y = Gate<kFast>::Tanh(fmaf(hat, gamma_c_, beta_c_));
      const float o = Gate<kFast>::Sigmoid(PreActivation(kept, 2, i, n));
      const bool runs = rows.Runs(i, n);
      const float d_z = runs ? fresh * o * (1.0f - y * y) : 0.0f;
      const float d_o = runs ? fresh * y * (o * (1.0f - o)) : 0.0f;
      cell_sums_[0] += d_z;
      cell_sums_[1] = runs ? fmaf(d_z, hat, cell_sums_[1]) : cell_sums_[1];
      dz.Set(i, d_z);
      d_pre[2].Set(i, d_o);
    });
    WarpSums(cell_sums_);

    BNLSTM_UNROLL
    for (int k = 0; k < 12; ++k) sums_[k] = 0;
    const float mean_dz = cell_sums_[0] * inverse_, mean_dz_hat = cell_sums_[1] * inverse_;
    rows.All([&](int i, int n) {
      LoadCell(shape, rows, n);
      const float hat = cell_.Hat(0, kept.c.Get(i, n)), d_z = dz.Get(i);
      const float centred = rows.Counts(i, n) ? d_z - fmaf(hat, mean_dz_hat, mean_dz) : d_z;
      const float dc = fmaf(centred, cell_.r[0] * gamma_c_, get_c(i, n)), weight = weight_c(i, n);
      const float fresh = Fresh(weight, dc);
      const float f = Gate<kFast>::Sigmoid(PreActivation(kept, 0, i, n));
      const float in = Gate<kFast>::Sigmoid(PreActivation(kept, 1, i, n));
      const float g = Gate<kFast>::Tanh(PreActivation(kept, 3, i, n));
      const bool runs = rows.Runs(i, n);
      pass_c(i, n, runs ? fmaf(fresh, f, Passed(weight, dc)) : Passed(weight, dc));
      const float d[4] = {fresh * kept.c_before.Get(i, n) * (f * (1.0f - f)),
                          fresh * g * (in * (1.0f - in)), d_pre[2].Get(i),
                          fresh * in * (1.0f - g * g)};
      BNLSTM_UNROLL
      for (int k = 0; k < 4; ++k) {
        const float mine = runs ? d[k] : 0.0f;
        d_pre[k].Set(i, mine);
        sums_[k] += mine;
        sums_[4 + k] = runs ? fmaf(mine, kept.a[k].Get(i, n), sums_[4 + k]) : sums_[4 + k];
        sums_[8 + k] = runs ? fmaf(mine, kept.x[k].Get(i, n), sums_[8 + k]) : sums_[8 + k];
      }
    });
    sum_of_lane_ = WarpSums(sums_);
  }

  /// Of the sums over the batch of this step, the lane's (SumOfUnit).
  __device__ __forceinline__ float SumOfLane() const {
    static_assert(kSumBias == 0 && kSumGammaH == 4 && kSumGammaX == 8 && kSumGammaC == 12 &&
                  kSumBetaC == 13 && SumOfUnit::kLanes == kLanesOfSum<12>);
    const int k = device::Lane() / SumOfUnit::kLanes;
    return k < kSumGammaC ? sum_of_lane_ : k == kSumGammaC ? cell_sums_[1] : cell_sums_[0];
  }

  /// Step 7: from the gradients of the pre-activations to those of the recurrent products, gate by gate:
  /// `set(i, n, g, da)`. In the padding anything.
  template <class Set>
  __device__ __forceinline__ void RecurrentGradients(const StepShape& shape, const RowsOfStep& rows,
                                                     const Kept& kept,
                                                     const Column<kRows> (&d_pre)[4],
                                                     const Set& set) {
    Gradients(
        rows, kept.a, d_pre, 4, gamma_h_, recurrent_,
        [&](int n) { recurrent_.Load(shape.Recurrent(j_), RowOf(shape, rows, n)); }, shape.eps, set);
  }
  /// The same of the inputs' products.
  template <class Set>
  __device__ __forceinline__ void InputGradients(const StepShape& shape, const RowsOfStep& rows,
                                                 const Kept& kept, const Column<kRows> (&d_pre)[4],
                                                 const Set& set) {
    Gradients(
        rows, kept.x, d_pre, 8, gamma_x_, input_,
        [&](int n) {
          input_.Load(shape.Input(j_), shape.tables.InputRow(RowOf(shape, rows, n)));
        },
        shape.eps, set);
  }

 private:
  /// Of one of the two products, whose sums begin at `first`.
  template <class Load, class Set>
  __device__ __forceinline__ void Gradients(const RowsOfStep& rows,
                                            const Held<kRows, Value> (&normalised)[4],
                                            const Column<kRows> (&d_pre)[4], int first,
                                            const float (&gamma)[4], Normalizer<4>& norm,
                                            const Load& load, float eps, const Set& set) {
    float mean[4], slope[4], scale[4];
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      mean[g] = sums_[g] * inverse_;
      slope[g] = sums_[first + g] * inverse_;
      scale[g] = norm.r[g] * gamma[g];
    }
    rows.All([&](int i, int n) {
      if (by_row_) {
        load(n);
        norm.Invert(eps);
        BNLSTM_UNROLL
        for (int g = 0; g < 4; ++g) scale[g] = norm.r[g] * gamma[g];
      }
      const bool counts = rows.Counts(i, n);
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) {
        const float d = d_pre[g].Get(i);
        const float centred = d - fmaf(normalised[g].Get(i, n), slope[g], mean[g]);
        set(i, n, g, (counts ? centred : d) * scale[g]);
      }
    });
  }

  __device__ __forceinline__ float PreActivation(const Kept& kept, int g, int i, int n) const {
    return fmaf(kept.a[g].Get(i, n), gamma_h_[g], fmaf(kept.x[g].Get(i, n), gamma_x_[g], bias_[g]));
  }
  __device__ int RowOf(const StepShape& shape, const RowsOfStep& rows, int n) const {
    return shape.tables.Row(shape.step, n < rows.batch ? n : 0);
  }
  __device__ __forceinline__ void LoadCell(const StepShape& shape, const RowsOfStep& rows, int n) {
    if (!by_row_) return;
    cell_.Load(shape.Cell(j_), RowOf(shape, rows, n));
    cell_.Invert(shape.eps);
  }

  int j_;
  bool tables_, by_row_, through_;
  float gamma_h_[4], gamma_x_[4], bias_[4], gamma_c_, beta_c_;
  Normalizer<4> recurrent_, input_;
  Normalizer<1> cell_;
  float inverse_ = 0, cell_sums_[2] = {}, sum_of_lane_ = 0;
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
  double* sums;      // [H][kSumsOfUnit] added to
  float* temporary;  // [5H] where kRows is 0
};

/// What the warp of hidden unit j does. All that is read is asked for before the first sum.
template <int kRows, class Value>
__device__ inline void StepBackward(const BackwardStep<Value>& u, int64_t j) {
  const StepShape& shape = u.shape;
  const auto rows = shape.RowsOfStep<kRows>();
  const int64_t H = shape.hidden, at = j * shape.stride, carried_at = j * shape.padded;
  KeptStep<kRows, Value> kept;
  Held<kRows, float> dh_in, dc_in;
  Outgoing<kRows, float> dh_out, dc_out, dp[4];
  Outgoing<kRows, Value> da[4], db[4];
  Column<kRows> dz, d_pre[4];
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    const int64_t column = (g * H + j) * shape.stride;
    kept.a[g].Load(rows, u.kept_a, column);
    if (u.kept_b) kept.x[g].Load(rows, u.kept_b, column);
    d_pre[g].Place(u.temporary + (g * H + j) * shape.padded);
    da[g].Place(u.da + column);
    db[g].Place(u.db ? u.db + column : nullptr);
    dp[g].Place(u.dp ? u.dp + column : nullptr);
  }
  dh_out.Place(u.dh + carried_at);
  dc_out.Place(u.dc + carried_at);
  dz.Place(u.temporary + (4 * H + j) * shape.padded);
  if (u.dy) kept.dy.Load(rows, u.dy, at);
  kept.c.Load(rows, u.c, at);
  kept.c_before.Load(rows, u.c_before, at);
  dh_in.Load(rows, u.dh, carried_at);
  dc_in.Load(rows, u.dc, carried_at);
  SumOfUnit sum(u.sums, j);
  BackwardUnit<kRows, Value, false> unit(shape, u.through, j);
  unit.LoadStatistics(shape);

  unit.PreActivations(
      shape, rows, kept, [&](int i, int n) { return dh_in.Get(i, n); },
      [&](int i, int n) { return dc_in.Get(i, n); },
      [&](int i, int n) { return shape.zoneout_h.Weight(rows, i, n, at + n); },
      [&](int i, int n) { return shape.zoneout_c.Weight(rows, i, n, at + n); },
      [&](int i, int n, float d) { dh_out.Set(i, n, rows.Inside(i, n) ? d : 0.0f); },
      [&](int i, int n, float d) { dc_out.Set(i, n, rows.Inside(i, n) ? d : 0.0f); }, dz, d_pre);
  sum.Add(unit.SumOfLane());
  sum.Store();
  unit.RecurrentGradients(shape, rows, kept, d_pre, [&](int i, int n, int g, float d) {
    da[g].Set(i, n, rows.Inside(i, n) ? d : 0.0f);
    dp[g].Set(i, n, d_pre[g].Get(i));
  });
  unit.InputGradients(shape, rows, kept, d_pre, [&](int i, int n, int g, float d) {
    db[g].Set(i, n, rows.Inside(i, n) ? d : 0.0f);
  });
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) {
    da[g].Store(rows);
    db[g].Store(rows);
    dp[g].Store(rows);
  }
  dh_out.Store(rows);
  dc_out.Store(rows);
}

}  // namespace bnlstm::cuda
