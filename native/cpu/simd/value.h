#pragma once

#include "cpu/simd/vector.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {

// The types that a model's values may have in memory, as template arguments of the block kernels.
// `Operand` is what products read; `Kept` the type of x, y and of what forward leaves for backward.

struct F32 {
  using Operand = float;
  using Kept = float;
  static constexpr bool kPairs = false;
  template <class V>
  static BNLSTM_INLINE V Round(V x) {
    return x;
  }
};

/// bf16 where the set has no product of them: f32 words that were rounded give the same numbers.
struct RoundedF32 {
  using Operand = float;
  using Kept = uint16_t;
  static constexpr bool kPairs = false;
  template <class V>
  static BNLSTM_INLINE V Round(V x) {
    return FromBf16<V>(ToBf16<V>(x));
  }
};

struct Bf16 {
  using Operand = uint16_t;
  using Kept = uint16_t;
  static constexpr bool kPairs = true;
  template <class V>
  static BNLSTM_INLINE V Round(V x) {
    return x;  // by the store
  }
};

/// Gate g of row n of an operand of products: values in rows `stride` values apart and, where the
/// set multiplies bf16, words [rows/2][4][L] that pair a row (lower halves) with the next.
template <class V, class Value>
BNLSTM_INLINE void StoreOperand(V x, int64_t n, int g, int64_t stride, void* rows, void* pairs) {
  constexpr int L = kLanesOf<V>;
  Store<V>(static_cast<typename Value::Operand*>(rows) + n * stride + g * L,
           Value::template Round<V>(x));
  if constexpr (Value::kPairs) {
    using Int = IntOf<V>;
    auto* const word = static_cast<float*>(pairs) + ((n >> 1) * 4 + g) * L;
    Int bits = __builtin_convertvector(ToBf16<V>(x), Int);
    if (n & 1) bits = (bits << 16) | reinterpret_cast<Int>(Load<V>(word));
    Store<V>(word, reinterpret_cast<V>(bits));
  }
}

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
