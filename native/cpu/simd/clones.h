#pragma once

#include <cstddef>  // defines __GLIBC__ where there is one

/// Marks a hot function to be compiled once per x86-64 level and chosen when the library loads
/// (GNU ifunc). Every clone gives the same bits, because nothing is contracted or reassociated.
///
/// Only what is inlined into the marked function is cloned with it: kernels are free functions,
/// their helpers BNLSTM_INLINE, and a lambda in them stays at the base level. A marked function
/// must not throw, nor call what does: GCC 12 compiles direct calls of a local one as if it could
/// not, and the exception ends in std::terminate. Sanitizer builds do without clones, whose
/// resolvers would run before the sanitizer is ready (CMake sets BNLSTM_NO_CLONES).
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__) && defined(__GNUC__) && \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&   \
    !defined(BNLSTM_NO_CLONES)
#define BNLSTM_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define BNLSTM_CLONES
#endif
