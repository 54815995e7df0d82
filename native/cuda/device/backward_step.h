#pragma once

#include "cuda/device/cell.h"

namespace bnlstm::cuda {

/// The sums of a unit over the batch and all steps, doubles; of kSumsOfUnit, a line of memory, where
/// the lanes of a warp have one each.
enum Sum { kSumBias = 0, kSumGammaH = 4, kSumGammaX = 8, kSumGammaC = 12, kSumBetaC };
constexpr int kSumsOfUnit = 16;

/// The sum of a unit that the lane adds to: two lanes have the same one, as SharedSums leaves them.
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

  /// Reads the step's statistics: of the recurrent products' variances, the inputs' variances, the
  /// cell's variance and its mean each lane has one.
  __device__ __forceinline__ void LoadStatistics(const StepShape& shape) {
    if (!tables_) return;
    const Tables& tables = shape.tables;
    const int lane = device::Lane(), H = static_cast<int>(shape.hidden);
    const int row = tables.Row(shape.step, 0);
    const float* const of_gates = lane < kInput ? tables.recurrent_var : tables.input_var;
    const float* const of_cell = lane == kCellVar ? tables.cell_var : tables.cell_mean;
    const bool gates = lane < kCellVar;
    const int64_t begin = lane < kInput || !gates ? row : tables.InputRow(row);
    const int column = gates ? lane % kInput * H + j_ : j_;
    statistic_ = (gates ? of_gates : of_cell)[begin * (gates ? 4 * H : H) + column];
  }

  /// With kRows > 0: what needs no gradient, the gates and the cell as forward had them.
  __device__ __forceinline__ void Recompute(const StepShape& shape, const RowsOfStep& rows,
                                            const Kept& kept) {
    static_assert(kRows > 0);
    ShareStatistics(shape);
    rows.All([&](int i, int n) { cells_[i] = Compute(kept, i, n); });
  }

  /// Steps 1 to 6: from the gradients of h_t and c_t, without dy, to those of the pre-activations
  /// `d_pre`. `get_h(i, n)`, `get_c(i, n)`: the former; `weight_h(i, n)`, `weight_c(i, n)`: of zoneout;
  /// `pass_h(i, n, d)`, `pass_c(i, n, d)` are given what goes to h_{t-1} past the products, and the
  /// gradient of c_{t-1}. `dz`: of the normalised cells. With kRows > 0 after Recompute.
  template <class GetH, class GetC, class WeightH, class WeightC, class PassH, class PassC>
  __device__ __forceinline__ void PreActivations(const StepShape& shape, const RowsOfStep& rows,
                                                 const Kept& kept, const GetH& get_h,
                                                 const GetC& get_c, const WeightH& weight_h,
                                                 const WeightC& weight_c, const PassH& pass_h,
                                                 const PassC& pass_c, Column<kRows>& dz,
                                                 Column<kRows> (&d_pre)[4]) {
    if constexpr (kRows == 0) ShareStatistics(shape);
    inverse_ = through_ ? rows.inverse_count : 0.0f;
    float cell_sums[2] = {};  // of dz, of dz times the normalised cell
    rows.All([&](int i, int n) {
      const Cell cell = At(shape, rows, kept, i, n);
      const float dh = get_h(i, n) + kept.dy.Get(i, n);
      const Weight weight = weight_h(i, n);
      const float fresh = weight.Fresh(dh), y = cell.y, o = cell.o;
      pass_h(i, n, weight.Passed(dh));
      const bool runs = rows.Runs(i, n);
      const float d_z = runs ? fresh * o * (1.0f - y * y) : 0.0f;
      cell_sums[0] += d_z;
      cell_sums[1] = runs ? fmaf(d_z, cell.hat, cell_sums[1]) : cell_sums[1];
      dz.Set(i, d_z);
      d_pre[2].Set(i, runs ? fresh * y * (o * (1.0f - o)) : 0.0f);
    });
    const float mine = SharedSums(cell_sums), other = device::ShuffleXor(mine, device::kWarp / 2);
    const bool upper = device::Lane() >= device::kWarp / 2;
    sum_dz_ = upper ? other : mine;
    sum_dz_hat_ = upper ? mine : other;

    float sums[12] = {};  // by gate: of dP, of dP times the normalised a, times the normalised x Wx
    const float mean_dz = sum_dz_ * inverse_, mean_dz_hat = sum_dz_hat_ * inverse_;
    const float factor = cell_.r[0] * gamma_c_;
    rows.All([&](int i, int n) {
      const Cell cell = At(shape, rows, kept, i, n);
      const float d_z = dz.Get(i), f = cell.f, in = cell.in, g = cell.g;
      const float centred = rows.Counts(i, n) ? d_z - fmaf(cell.hat, mean_dz_hat, mean_dz) : d_z;
      const float dc = fmaf(centred, by_row_ ? cell_.r[0] * gamma_c_ : factor, get_c(i, n));
      const Weight weight = weight_c(i, n);
      const float fresh = weight.Fresh(dc), passed = weight.Passed(dc);
      const bool runs = rows.Runs(i, n);
      pass_c(i, n, runs ? fmaf(fresh, f, passed) : passed);
      const float d[4] = {fresh * kept.c_before.Get(i, n) * (f * (1.0f - f)),
                          fresh * g * (in * (1.0f - in)), d_pre[2].Get(i),
                          fresh * in * (1.0f - g * g)};
      BNLSTM_UNROLL
      for (int k = 0; k < 4; ++k) {
        const float mine = runs ? d[k] : 0.0f;
        d_pre[k].Set(i, mine);
        sums[k] += mine;
        sums[4 + k] = runs ? fmaf(mine, kept.a[k].Get(i, n), sums[4 + k]) : sums[4 + k];
        sums[8 + k] = runs ? fmaf(mine, kept.x[k].Get(i, n), sums[8 + k]) : sums[8 + k];
      }
    });
    sum_of_lane_ = SharedSums(sums);
    mean_of_lane_ = sum_of_lane_ * inverse_;
    ShareMeans(0, means_);
  }

  /// Of the sums over the batch of this step, the lane's (SumOfUnit).
  __device__ __forceinline__ float SumOfLane() const {
    static_assert(kSumBias == 0 && kSumGammaH == 4 && kSumGammaX == 8 && kSumGammaC == 12 &&
                  kSumBetaC == 13 && SumOfUnit::kLanes == kLanesOfSum<12>);
    const int k = device::Lane() / SumOfUnit::kLanes;
    return k < kSumGammaC ? sum_of_lane_ : k == kSumGammaC ? sum_dz_hat_ : sum_dz_;
  }

  /// Step 7: from the gradients of the pre-activations to those of the recurrent products, gate by gate:
  /// `set(i, n, g, da)`. In the padding anything.
  template <class Set>
  __device__ __forceinline__ void RecurrentGradients(const StepShape& shape, const RowsOfStep& rows,
                                                     const Kept& kept,
                                                     const Column<kRows> (&d_pre)[4],
                                                     const Set& set) {
    Gradients(
        rows, kept.a, d_pre, kSumGammaH, gamma_h_, recurrent_,
        [&](int n) { recurrent_.Load(shape.Recurrent(j_), RowOf(shape, rows, n)); }, shape.eps,
        set);
  }
  /// The same of the inputs' products.
  template <class Set>
  __device__ __forceinline__ void InputGradients(const StepShape& shape, const RowsOfStep& rows,
                                                 const Kept& kept, const Column<kRows> (&d_pre)[4],
                                                 const Set& set) {
    Gradients(
        rows, kept.x, d_pre, kSumGammaX, gamma_x_, input_,
        [&](int n) { input_.Load(shape.Input(j_), shape.tables.InputRow(RowOf(shape, rows, n))); },
        shape.eps, set);
  }

 private:
  /// Which lanes have which statistic: before kInput of the recurrent products.
  enum { kInput = 4, kCellVar = 8, kCellMean };

  /// A row of the batch, as forward had it.
  struct Cell {
    float f, in, o, g, hat, y;  // gates; the normalised cell; tanh of what it became
  };

  __device__ __forceinline__ void ShareStatistics(const StepShape& shape) {
    if (!tables_) return;
    const float r = InverseRoot(statistic_, shape.eps);
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      recurrent_.r[g] = device::ShuffleFrom(r, g);
      input_.r[g] = device::ShuffleFrom(r, kInput + g);
    }
    cell_.r[0] = device::ShuffleFrom(r, kCellVar);
    cell_.mean[0] = device::ShuffleFrom(statistic_, kCellMean);
  }

  __device__ __forceinline__ Cell Compute(const Kept& kept, int i, int n) const {
    const float hat = cell_.Hat(0, kept.c.Get(i, n));
    return {Gate<kFast>::Sigmoid(PreActivation(kept, 0, i, n)),
            Gate<kFast>::Sigmoid(PreActivation(kept, 1, i, n)),
            Gate<kFast>::Sigmoid(PreActivation(kept, 2, i, n)),
            Gate<kFast>::Tanh(PreActivation(kept, 3, i, n)),
            hat,
            Gate<kFast>::Tanh(fmaf(hat, gamma_c_, beta_c_))};
  }
  __device__ __forceinline__ Cell At(const StepShape& shape, const RowsOfStep& rows,
                                     const Kept& kept, int i, int n) {
    if constexpr (kRows > 0) return cells_[i];
    if (by_row_) {
      cell_.Load(shape.Cell(j_), RowOf(shape, rows, n));
      cell_.Invert(shape.eps);
    }
    return Compute(kept, i, n);
  }

  /// The means over the batch of four of the sums, from the lanes that have them.
  __device__ __forceinline__ void ShareMeans(int first, float (&means)[4]) const {
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      means[g] = device::ShuffleFrom(mean_of_lane_, (first + g) * SumOfUnit::kLanes);
    }
  }

  /// Of one of the two products; `first` of its sums.
  template <class Load, class Set>
  __device__ __forceinline__ void Gradients(const RowsOfStep& rows,
                                            const Held<kRows, Value> (&normalised)[4],
                                            const Column<kRows> (&d_pre)[4], int first,
                                            const float (&gamma)[4], Normalizer<4>& norm,
                                            const Load& load, float eps, const Set& set) {
    float slopes[4], factors[4];
    ShareMeans(first, slopes);
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) factors[g] = norm.r[g] * gamma[g];
    rows.All([&](int i, int n) {
      if (by_row_) {
        load(n);
        norm.Invert(eps);
        BNLSTM_UNROLL
        for (int g = 0; g < 4; ++g) factors[g] = norm.r[g] * gamma[g];
      }
      const bool counts = rows.Counts(i, n);
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) {
        const float d = d_pre[g].Get(i);
        const float centred = d - fmaf(normalised[g].Get(i, n), slopes[g], means_[g]);
        set(i, n, g, (counts ? centred : d) * factors[g]);
      }
    });
  }

  __device__ __forceinline__ float PreActivation(const Kept& kept, int g, int i, int n) const {
    return fmaf(kept.a[g].Get(i, n), gamma_h_[g], fmaf(kept.x[g].Get(i, n), gamma_x_[g], bias_[g]));
  }
  __device__ int RowOf(const StepShape& shape, const RowsOfStep& rows, int n) const {
    return shape.tables.Row(shape.step, n < rows.batch ? n : 0);
  }

  int j_;
  bool tables_, by_row_, through_;
  float gamma_h_[4], gamma_x_[4], bias_[4], gamma_c_, beta_c_;
  float statistic_ = 1;
  Normalizer<4> recurrent_, input_;
  Normalizer<1> cell_;
  Cell cells_[kRows > 0 ? kRows : 1];
  float inverse_ = 0, sum_dz_ = 0, sum_dz_hat_ = 0, sum_of_lane_ = 0, mean_of_lane_ = 0;
  float means_[4] = {};  // of dP by gate
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

  if constexpr (kRows > 0) unit.Recompute(shape, rows, kept);
  unit.PreActivations(
      shape, rows, kept, [&](int i, int n) { return dh_in.Get(i, n); },
      [&](int i, int n) { return dc_in.Get(i, n); },
      [&](int i, int n) { return shape.zoneout_h.Of(rows, i, n, at + n); },
      [&](int i, int n) { return shape.zoneout_c.Of(rows, i, n, at + n); },
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
