#include "cpu/simd/kernels.h"

#include "cpu/simd/value.h"

namespace bnlstm::cpu {

#define BNLSTM_TEXT_OF(x) #x
#define BNLSTM_TEXT(x) BNLSTM_TEXT_OF(x)

inline namespace BNLSTM_ISA {

const Kernels kKernels = {
    .name = BNLSTM_TEXT(BNLSTM_ISA),
    .lanes = kLanes,
    .measure = MeasureBlock,
    .f32 = {.half_blocks = kLanes == 16,
            .multiply = MultiplyF32Words,
            .forward = ForwardBlock<F32>,
            .backward = BackwardBlock<F32>,
            .normalize = NormalizeBlock<float>,
            .sequence_gradient = SequenceGradientBlock<F32>},
#ifdef BNLSTM_ISA_AVX512_BF16
    .bf16 = {.per_word = 2,
             .half_blocks = true,
             .multiply = MultiplyBf16Words,
             .forward = ForwardBlock<Bf16>,
             .backward = BackwardBlock<Bf16>,
             .normalize = NormalizeBlock<uint16_t>,
             .sequence_gradient = SequenceGradientBlock<Bf16>},
#else
    .bf16 = {.half_blocks = kLanes == 16,
             .multiply = MultiplyF32Words,
             .forward = ForwardBlock<RoundedF32>,
             .backward = BackwardBlock<RoundedF32>,
             .normalize = NormalizeBlock<uint16_t>,
             .sequence_gradient = SequenceGradientBlock<RoundedF32>},
#endif
};

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
