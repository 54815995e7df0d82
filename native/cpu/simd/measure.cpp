#include "cpu/simd/kernels.h"
#include "cpu/simd/normalize.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

template <class V, int kVectors>
BNLSTM_INLINE void Measure(const BlockMeasure& m) {
  constexpr int L = kLanesOf<V>;
  const Rows& rows = m.rows;
  int64_t any = 0;  // a counted row, if there are some
  while (rows.counted && any + 1 < rows.count && !rows.counted[any]) ++any;
  V base[kVectors], first[kVectors], rest[kVectors], squares[kVectors];
  for (int k = 0; k < kVectors; ++k) {
    base[k] = rows.inverse_count > 0 ? Load<V>(m.values + (any * kVectors + k) * L) : Splat<V>(0);
    first[k] = rest[k] = squares[k] = Splat<V>(0);
  }
  for (int64_t n = 0; n < rows.count; ++n) {
    if (rows.counted && !rows.counted[n]) continue;
    for (int k = 0; k < kVectors; ++k)
      first[k] += Load<V>(m.values + (n * kVectors + k) * L) - base[k];
  }
  for (int k = 0; k < kVectors; ++k) first[k] = base[k] + first[k] * rows.inverse_count;
  for (int64_t n = 0; n < rows.count; ++n) {
    if (rows.counted && !rows.counted[n]) continue;
    for (int k = 0; k < kVectors; ++k) {
      const V d = Load<V>(m.values + (n * kVectors + k) * L) - first[k];
      rest[k] += d;
      squares[k] = Fma<V>(d, d, squares[k]);
    }
  }
  for (int k = 0; k < kVectors; ++k) {
    const V shift = rest[k] * rows.inverse_count;
    const V spread = squares[k] * rows.inverse_count - shift * shift;
    Store<V>(m.mean + k * L, first[k] + shift);
    Store<V>(m.var + k * L, Select<V>(spread < 0.0f, Splat<V>(0), spread));  // a NaN stays
  }
}

}  // namespace

void MeasureBlock(const BlockMeasure& m) {
  WithWidth(m.half, [&]<class V>(Width<V>) {
    if (m.vectors == 1) {
      Measure<V, 1>(m);
    } else {
      Measure<V, 4>(m);
    }
  });
}

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
