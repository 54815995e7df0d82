// Products of f32 words.
#include "cpu/simd/kernels.h"
#include "cpu/simd/product_tile.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

struct MultiplyF32 {
  template <class V>
  static BNLSTM_INLINE V Add(V sum, V x, V w) {
    return Fma<V>(x, w, sum);
  }
};

}  // namespace

void MultiplyF32Words(const Product& product) { Run<MultiplyF32>(product); }

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
