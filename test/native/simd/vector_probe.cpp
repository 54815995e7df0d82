// Compiled for each instruction set, as the kernels are (cpu/simd/isa.h).
#include "cpu/simd/vector.h"
#include "simd/vector_functions.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

#define BNLSTM_OVER_ARRAYS(Name)                                                               \
  template <class V>                                                                           \
  void Name##Of(const float* x, float* y, int64_t count) {                                     \
    for (int64_t i = 0; i < count; i += kLanesOf<V>) Store<V>(y + i, Name<V>(Load<V>(x + i))); \
  }
BNLSTM_OVER_ARRAYS(Exp)
BNLSTM_OVER_ARRAYS(Sigmoid)
BNLSTM_OVER_ARRAYS(Tanh)
BNLSTM_OVER_ARRAYS(Reciprocal)
BNLSTM_OVER_ARRAYS(InverseRoot)
#undef BNLSTM_OVER_ARRAYS

template <class V>
void ToBf16Of(const float* x, uint16_t* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanesOf<V>) Store<V>(y + i, Load<V>(x + i));
}
template <class V>
void FromBf16Of(const uint16_t* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanesOf<V>) Store<V>(y + i, Load<V>(x + i));
}

template <class V>
constexpr VectorFunctions kFunctions = {kLanesOf<V>, ExpOf<V>,        SigmoidOf<V>,
                                        TanhOf<V>,   ReciprocalOf<V>, InverseRootOf<V>,
                                        ToBf16Of<V>, FromBf16Of<V>};

}  // namespace

extern const VectorProbe kVectorProbe;
const VectorProbe kVectorProbe = {kFunctions<Vec>, kFunctions<Vec8>};

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
