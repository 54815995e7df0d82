#pragma once

#include "cpu/simd/block.h"
#include "cpu/simd/vector.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {

/// How pre-activations and cells are normalised: not at all, with statistics that all rows share,
/// or each row with its own.
enum class Norm { kNone, kShared, kByRow };

/// kCount neighbouring columns of statistics, as x_hat = (x - mean) r.
template <class V, int kCount, Norm kNorm>
class Normalizer {
 public:
  /// `mean` and `var` are rows of the statistics; kMeanH and kVarH for example.
  BNLSTM_INLINE Normalizer(const BlockStatistics& statistics, int mean, int var, float eps)
      : statistics_(statistics), mean_row_(mean), var_row_(var), eps_(eps) {
    if constexpr (kNorm == Norm::kShared) Read(0);
  }
  /// Before a row is normalised.
  BNLSTM_INLINE void Row(int64_t n) {
    if constexpr (kNorm == Norm::kByRow) Read(n);
  }
  BNLSTM_INLINE V Hat(int column, V x) const { return (x - mean_[column]) * r_[column]; }
  BNLSTM_INLINE V r(int column) const { return r_[column]; }

 private:
  BNLSTM_INLINE void Read(int64_t n) {
    constexpr int L = kLanesOf<V>;
    const float* values = statistics_.values + n * statistics_.row_stride;
    for (int k = 0; k < kCount; ++k) {
      mean_[k] = Load<V>(values + (mean_row_ + k) * L);
      r_[k] = InverseRoot<V>(Load<V>(values + (var_row_ + k) * L) + eps_);
    }
  }

  const BlockStatistics& statistics_;
  const int mean_row_, var_row_;
  const float eps_;
  V mean_[kCount], r_[kCount];
};

/// The state after zoneout and after freezing the rows that have ended.
template <class V>
BNLSTM_INLINE V Settle(const Zoneout& zoneout, const Rows& rows, int64_t n, V previous, V next) {
  if (rows.running && !rows.running[n]) return previous;
  if (zoneout.keep) return Select<V>(Load<V>(zoneout.keep + n * kLanesOf<V>), previous, next);
  if (zoneout.rate != 0) return previous * zoneout.rate + next * (1.0f - zoneout.rate);
  return next;
}

/// Splits a state's gradient: returns what reaches the new value, leaves in `gradient` what passes
/// to the previous one.
template <class V>
BNLSTM_INLINE V Unsettle(const Zoneout& zoneout, const Rows& rows, int64_t n, V& gradient) {
  const V whole = gradient, none = Splat<V>(0);
  if (rows.running && !rows.running[n]) return none;
  if (zoneout.keep) {
    const IntOf<V> keep = Load<V>(zoneout.keep + n * kLanesOf<V>);
    gradient = Keep<V>(keep, whole);
    return Keep<V>(~keep, whole);
  }
  if (zoneout.rate != 0) {
    gradient = whole * zoneout.rate;
    return whole * (1.0f - zoneout.rate);
  }
  gradient = none;
  return whole;
}

template <class V>
struct Width {};

/// Calls body(Width<V>) with the vectors of a block: whole ones, or half as wide.
template <class Body>
BNLSTM_INLINE void WithWidth(bool half, const Body& body) {
#ifdef BNLSTM_ISA_AVX512
  if (half) return body(Width<Vec8>());
#else
  (void)half;
#endif
  body(Width<Vec>());
}

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
