// Forward of one block at one step: docs/paper.md section 1.1 line by line, a row of the batch
// after the other, the units in lanes.
#include "cpu/simd/kernels.h"
#include "cpu/simd/normalize.h"
#include "cpu/simd/value.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

/// Gates and cells.
template <class V, class Value, Norm kNorm>
BNLSTM_INLINE void Cells(const BlockForward& u) {
  constexpr int L = kLanesOf<V>;
  using Kept = typename Value::Kept;
  Normalizer<V, 4, kNorm> norm_a(u.statistics, kMeanH, kVarH, u.eps);
  Normalizer<V, 4, kNorm> norm_b(u.statistics, kMeanX, kVarX, u.eps);
  Kept* kept_a = static_cast<Kept*>(u.kept_a);
  Kept* kept_b = static_cast<Kept*>(u.kept_b);
  V gamma_h[4], gamma_x[4], bias[4];
  for (int g = 0; g < 4; ++g) {
    gamma_h[g] = Load<V>(u.parameters + (kGammaH + g) * L);
    gamma_x[g] = Load<V>(u.parameters + (kGammaX + g) * L);
    bias[g] = Load<V>(u.parameters + (kBias + g) * L);
  }
  for (int64_t n = 0; n < u.rows.count; ++n) {
    norm_a.Row(n);
    norm_b.Row(n);
    V p[4];
    for (int g = 0; g < 4; ++g) {
      const int64_t at = (n * 4 + g) * L;
      const V a = Load<V>(u.a + at), b = Load<V>(u.b + at);
      if constexpr (kNorm == Norm::kNone) {
        const V sum = a + b;
        if (kept_a) Store<V>(kept_a + at, sum);
        p[g] = sum + bias[g];
      } else {
        const V hat_a = norm_a.Hat(g, a), hat_b = norm_b.Hat(g, b);
        if (kept_a) Store<V>(kept_a + at, hat_a);
        if (kept_b) Store<V>(kept_b + at, hat_b);
        p[g] = Fma<V>(hat_a, gamma_h[g], Fma<V>(hat_b, gamma_x[g], bias[g]));
      }
    }
    const V f = Sigmoid<V>(p[0]), i = Sigmoid<V>(p[1]), o = Sigmoid<V>(p[2]), g = Tanh<V>(p[3]);
    const V previous = Load<V>(u.c_prev + n * L);
    const V c = Settle<V>(u.zoneout_c, u.rows, n, previous, Fma<V>(f, previous, i * g));
    Store<V>(u.c + n * L, c);
    Store<V>(u.gate_o + n * L, o);
  }
}

template <class V, class Value, Norm kNorm>
BNLSTM_INLINE void Outputs(const BlockForward& u, const BlockStatistics& statistics, int mean,
                           int var) {
  constexpr int L = kLanesOf<V>;
  using Operand = typename Value::Operand;
  Normalizer<V, 1, kNorm> norm(statistics, mean, var, u.eps);
  const V gamma = Load<V>(u.parameters + kGammaC * L), beta = Load<V>(u.parameters + kBetaC * L);
  const Operand* previous = static_cast<const Operand*>(u.h_prev);
  Operand* h = static_cast<Operand*>(u.h);
  auto* y = static_cast<typename Value::Kept*>(u.y);  // which has the type of the model's tensors
  for (int64_t n = 0; n < u.rows.count; ++n) {
    norm.Row(n);
    const V c = Load<V>(u.c + n * L);
    const V z = kNorm == Norm::kNone ? c + beta : Fma<V>(norm.Hat(0, c), gamma, beta);
    const V next = Load<V>(u.gate_o + n * L) * Tanh<V>(z);
    const V settled = Settle<V>(u.zoneout_h, u.rows, n, Load<V>(previous + n * u.h_stride), next);
    Store<V>(h + n * u.h_stride, Value::template Round<V>(settled));
    if (y) Store<V>(y + n * u.y_stride, settled);
  }
}

template <class V, class Value>
BNLSTM_INLINE void Forward(const BlockForward& u) {
  if (!u.normalize) {
    Cells<V, Value, Norm::kNone>(u);
    return Outputs<V, Value, Norm::kNone>(u, u.statistics, 0, 0);
  }
  if (u.statistics.row_stride != 0) {
    Cells<V, Value, Norm::kByRow>(u);
    return Outputs<V, Value, Norm::kByRow>(u, u.statistics, kMeanC, kVarC);
  }
  Cells<V, Value, Norm::kShared>(u);
  if (!u.measure_cell) return Outputs<V, Value, Norm::kShared>(u, u.statistics, kMeanC, kVarC);
  MeasureBlock({u.rows, u.c, 1, u.half, u.cell_statistics, u.cell_statistics + kLanesOf<V>});
  Outputs<V, Value, Norm::kShared>(u, {u.cell_statistics, 0}, 0, 1);
}

}  // namespace

template <class Value>
void ForwardBlock(const BlockForward& u) {
  WithWidth(u.half, [&]<class V>(Width<V>) { Forward<V, Value>(u); });
}
template void ForwardBlock<F32>(const BlockForward&);
#ifdef BNLSTM_ISA_AVX512_BF16
template void ForwardBlock<Bf16>(const BlockForward&);
#else
template void ForwardBlock<RoundedF32>(const BlockForward&);
#endif

template <class V, class Kept, Norm kNorm>
static BNLSTM_INLINE void Normalize(const BlockNormalize& u) {
  auto* const kept = static_cast<Kept*>(u.kept_b);
  Normalizer<V, 4, kNorm> norm(u.statistics, kMeanX, kVarX, u.eps);
  for (int64_t n = 0; n < u.rows; ++n) {
    norm.Row(n);
    for (int g = 0; g < 4; ++g) {
      const int64_t at = (n * 4 + g) * kLanesOf<V>;
      Store<V>(kept + at, norm.Hat(g, Load<V>(u.b + at)));
    }
  }
}

template <class Kept>
void NormalizeBlock(const BlockNormalize& u) {
  WithWidth(u.half, [&]<class V>(Width<V>) {
    if (u.statistics.row_stride != 0) return Normalize<V, Kept, Norm::kByRow>(u);
    Normalize<V, Kept, Norm::kShared>(u);
  });
}
template void NormalizeBlock<float>(const BlockNormalize&);
template void NormalizeBlock<uint16_t>(const BlockNormalize&);

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
