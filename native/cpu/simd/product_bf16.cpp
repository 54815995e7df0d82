// Products of words of two bf16, where the set has the instruction: both products of a word are
// added to the f32 sum, the upper halves' first.
#ifdef BNLSTM_ISA_AVX512_BF16
#include "cpu/simd/kernels.h"
#include "cpu/simd/product_tile.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

struct MultiplyBf16 {
  template <class V>
  static BNLSTM_INLINE V Add(V sum, V x, V w) {
    if constexpr (sizeof(V) == 64) {
      return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
    } else {
      return _mm256_dpbf16_ps(sum, reinterpret_cast<__m256bh>(x), reinterpret_cast<__m256bh>(w));
    }
  }
};

}  // namespace

void MultiplyBf16Words(const Product& product) { Run<MultiplyBf16>(product); }

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
#endif
