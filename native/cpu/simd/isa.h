#pragma once

/// The instruction set that a file is compiled for. CMake compiles every file of cpu/simd once
/// per set, with the set's flags and one of these macros; all other files are portable. What
/// depends on it lives in an inline namespace of the set's name, so that one process can hold all
/// of them and the linker never takes one for another.
///
/// A kernel file may use no function that the linker could share between files (std:: templates,
/// inline functions outside this namespace that are not BNLSTM_INLINE): the copy that it keeps
/// could be one that this machine cannot run. scripts/check-isa.mjs looks for them.
#if defined(BNLSTM_ISA_AMX)
#define BNLSTM_ISA amx
#elif defined(BNLSTM_EMULATE_AMX)
#define BNLSTM_ISA amx_emulated
#elif defined(BNLSTM_ISA_AVX512_BF16)
#define BNLSTM_ISA avx512bf16
#define BNLSTM_ISA_AVX512
#elif defined(BNLSTM_ISA_AVX512)
#define BNLSTM_ISA avx512
#elif defined(BNLSTM_ISA_AVX2)
#define BNLSTM_ISA avx2
#else
#define BNLSTM_ISA portable
#endif

#define BNLSTM_INLINE inline __attribute__((always_inline))
