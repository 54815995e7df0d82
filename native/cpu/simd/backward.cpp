// Backward of one block at one step: docs/paper.md section 1.2, with the gates recomputed from what
// forward kept. Every sum over the batch ends here.
#include "cpu/simd/kernels.h"
#include "cpu/simd/normalize.h"
#include "cpu/simd/value.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

template <class V>
BNLSTM_INLINE void AddTo(double* sums, V x) {
  for (int lane = 0; lane < kLanesOf<V>; ++lane) sums[lane] += static_cast<double>(x[lane]);
}

template <class V, class Value, Norm kNorm>
class Backward {
 public:
  BNLSTM_INLINE explicit Backward(const BlockBackward& u)
      : u_(u),
        a_(static_cast<const Kept*>(u.kept_a)),
        b_(static_cast<const Kept*>(u.kept_b)),
        inverse_count_(u.through ? u.rows.inverse_count : 0) {}

  BNLSTM_INLINE void Run() const {
    // Section 1.2, steps 1-3: dz stays in the slot of gate f of dp, dP_o in that of gate o.
    V sum_dz = Splat<V>(0), sum_dz_hat = Splat<V>(0);
    Output(&sum_dz, &sum_dz_hat);
    AddTo<V>(u_.sums + kSumBetaC * L, sum_dz);
    AddTo<V>(u_.sums + kSumGammaC * L, sum_dz_hat);
    V sum[4], sum_a[4], sum_b[4];
    for (int g = 0; g < 4; ++g) sum[g] = sum_a[g] = sum_b[g] = Splat<V>(0);
    Gates(sum_dz * inverse_count_, sum_dz_hat * inverse_count_, sum, sum_a, sum_b);
    for (int g = 0; g < 4; ++g) {
      AddTo<V>(u_.sums + (kSumBias + g) * L, sum[g]);
      AddTo<V>(u_.sums + (kSumGammaH + g) * L, sum_a[g]);
      AddTo<V>(u_.sums + (kSumGammaX + g) * L, sum_b[g]);
      sum[g] = sum[g] * inverse_count_;
      sum_a[g] = sum_a[g] * inverse_count_;
      sum_b[g] = sum_b[g] * inverse_count_;
    }
    Products(a_, kMeanH, kVarH, kGammaH, sum, sum_a, kNorm == Norm::kNone, u_.da, u_.da_pairs);
    if (u_.db) {
      Products(b_, kMeanX, kVarX, kGammaX, sum, sum_b, kNorm == Norm::kNone, u_.db, u_.db_pairs);
    }
  }

 private:
  using Kept = typename Value::Kept;
  static constexpr int L = kLanesOf<V>;

  BNLSTM_INLINE bool Runs(int64_t n) const { return !u_.rows.running || u_.rows.running[n]; }
  BNLSTM_INLINE bool Counts(int64_t n) const { return !u_.rows.counted || u_.rows.counted[n]; }
  BNLSTM_INLINE V Parameter(int row) const { return Load<V>(u_.parameters + row * L); }

  /// Pre-activation of gate g.
  BNLSTM_INLINE V PreActivation(int64_t n, int g) const {
    const V a = Load<V>(a_ + (n * 4 + g) * L);
    if constexpr (kNorm == Norm::kNone) return a + Parameter(kBias + g);
    const V b = Load<V>(b_ + (n * 4 + g) * L);
    return Fma<V>(a, Parameter(kGammaH + g),
                  Fma<V>(b, Parameter(kGammaX + g), Parameter(kBias + g)));
  }

  BNLSTM_INLINE void Output(V* sum_dz, V* sum_dz_hat) const {
    Normalizer<V, 1, kNorm> norm(u_.statistics, kMeanC, kVarC, u_.eps);
    const V gamma = Parameter(kGammaC), beta = Parameter(kBetaC);
    const Kept* const dy = static_cast<const Kept*>(u_.dy);
    for (int64_t n = 0; n < u_.rows.count; ++n) {
      norm.Row(n);
      V dh = Load<V>(u_.dh + n * u_.dh_stride);
      if (dy) dh += Load<V>(dy + n * u_.dy_stride);
      const V fresh = Unsettle<V>(u_.zoneout_h, u_.rows, n, dh);
      Store<V>(u_.dh + n * u_.dh_stride, dh);
      V dz = Splat<V>(0), d_o = dz;
      if (Runs(n)) {
        const V c = Load<V>(u_.c + n * L);
        const V hat = kNorm == Norm::kNone ? c : norm.Hat(0, c);
        const V y = Tanh<V>(kNorm == Norm::kNone ? c + beta : Fma<V>(hat, gamma, beta));
        const V o = Sigmoid<V>(PreActivation(n, 2));
        dz = fresh * o * (1.0f - y * y);
        d_o = fresh * y * (o * (1.0f - o));
        *sum_dz += dz;
        *sum_dz_hat = Fma<V>(dz, hat, *sum_dz_hat);
      }
      Store<V>(u_.dp + n * 4 * L, dz);
      Store<V>(u_.dp + (n * 4 + 2) * L, d_o);
    }
  }

  /// Steps 4-6.
  BNLSTM_INLINE void Gates(V mean_dz, V mean_dz_hat, V* sum, V* sum_a, V* sum_b) const {
    Normalizer<V, 1, kNorm> norm(u_.statistics, kMeanC, kVarC, u_.eps);
    const V gamma = Parameter(kGammaC);
    for (int64_t n = 0; n < u_.rows.count; ++n) {
      norm.Row(n);
      float* const to = u_.dp + n * 4 * L;
      V inner = Load<V>(to), dc = Load<V>(u_.dc + n * L);
      if constexpr (kNorm != Norm::kNone) {
        if (Counts(n)) inner -= Fma<V>(norm.Hat(0, Load<V>(u_.c + n * L)), mean_dz_hat, mean_dz);
        inner = inner * norm.r(0) * gamma;
      }
      dc += inner;
      const V fresh = Unsettle<V>(u_.zoneout_c, u_.rows, n, dc);
      if (!Runs(n)) {
        for (int g = 0; g < 4; ++g) Store<V>(to + g * L, Splat<V>(0));
        Store<V>(u_.dc + n * L, dc);
        continue;
      }
      const V f = Sigmoid<V>(PreActivation(n, 0)), i = Sigmoid<V>(PreActivation(n, 1));
      const V g = Tanh<V>(PreActivation(n, 3));
      Store<V>(u_.dc + n * L, Fma<V>(fresh, f, dc));
      const V previous = Load<V>(u_.c_prev + n * L);
      const V dp[4] = {fresh * previous * (f * (1.0f - f)), fresh * g * (i * (1.0f - i)),
                       Load<V>(to + 2 * L), fresh * i * (1.0f - g * g)};
      for (int gate = 0; gate < 4; ++gate) {
        Store<V>(to + gate * L, dp[gate]);
        sum[gate] += dp[gate];
        if constexpr (kNorm == Norm::kNone) continue;
        const int64_t at = (n * 4 + gate) * L;
        sum_a[gate] = Fma<V>(dp[gate], Load<V>(a_ + at), sum_a[gate]);
        sum_b[gate] = Fma<V>(dp[gate], Load<V>(b_ + at), sum_b[gate]);
      }
    }
  }

  /// Step 7: from dP to the gradient of one of the two products.
  BNLSTM_INLINE void Products(const Kept* hats, int mean, int var, int gamma_row, const V* mean_dp,
                              const V* mean_dp_hat, bool plain, void* to, void* pairs) const {
    Normalizer<V, 4, kNorm> norm(u_.statistics, mean, var, u_.eps);
    V scale[4];
    for (int g = 0; g < 4; ++g) {
      scale[g] = Splat<V>(1);
      if constexpr (kNorm == Norm::kShared) scale[g] = norm.r(g) * Parameter(gamma_row + g);
    }
    for (int64_t n = 0; n < u_.rows.count; ++n) {
      if constexpr (kNorm == Norm::kByRow) {
        norm.Row(n);
        for (int g = 0; g < 4; ++g) scale[g] = norm.r(g) * Parameter(gamma_row + g);
      }
      for (int g = 0; g < 4; ++g) {
        const int64_t at = (n * 4 + g) * L;
        V d = Load<V>(u_.dp + at);
        if (!plain) {
          if (Counts(n)) d -= Fma<V>(Load<V>(hats + at), mean_dp_hat[g], mean_dp[g]);
          d = d * scale[g];
        }
        StoreOperand<V, Value>(d, n, g, u_.gates_stride, to, pairs);
      }
    }
  }

  const BlockBackward& u_;
  const Kept* a_;
  const Kept* b_;
  const float inverse_count_;
};

}  // namespace

template <class Value>
void BackwardBlock(const BlockBackward& u) {
  WithWidth(u.half, [&]<class V>(Width<V>) {
    if (!u.normalize) return Backward<V, Value, Norm::kNone>(u).Run();
    if (u.statistics.row_stride != 0) return Backward<V, Value, Norm::kByRow>(u).Run();
    Backward<V, Value, Norm::kShared>(u).Run();
  });
}

template <class Value>
void SequenceGradientBlock(const BlockSequenceGradient& u) {
  WithWidth(u.half, [&]<class V>(Width<V>) {
    constexpr int L = kLanesOf<V>;
    auto* const hats = static_cast<const typename Value::Kept*>(u.kept_b);
    const Normalizer<V, 4, Norm::kShared> norm(u.statistics, kMeanX, kVarX, u.eps);
    for (int64_t n = 0; n < u.rows.count; ++n) {
      for (int g = 0; g < 4; ++g) {
        const int64_t at = (n * 4 + g) * L;
        V d = Load<V>(u.dp + at);
        if (!u.rows.running || u.rows.running[n])
          d -= Fma<V>(Load<V>(hats + at), Load<V>(u.mean_dp_hat + g * L),
                      Load<V>(u.mean_dp + g * L));
        d = d * norm.r(g) * Load<V>(u.parameters + (kGammaX + g) * L);
        StoreOperand<V, Value>(d, n, g, u.gates_stride, u.db, u.db_pairs);
      }
    }
  });
}

template void BackwardBlock<F32>(const BlockBackward&);
template void SequenceGradientBlock<F32>(const BlockSequenceGradient&);
#ifdef BNLSTM_ISA_AVX512_BF16
template void BackwardBlock<Bf16>(const BlockBackward&);
template void SequenceGradientBlock<Bf16>(const BlockSequenceGradient&);
#else
template void BackwardBlock<RoundedF32>(const BlockBackward&);
template void SequenceGradientBlock<RoundedF32>(const BlockSequenceGradient&);
#endif

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
