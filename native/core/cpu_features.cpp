#include "core/cpu_features.h"

namespace bnlstm {

CpuFeatures FindCpuFeatures() {
  CpuFeatures found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  found.level = __builtin_cpu_supports("x86-64-v4")   ? "x86-64-v4"
                : __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3"
                                                      : "x86-64-v2";
  // The builtin takes literals only.
#define BNLSTM_FEATURE(name) \
  if (__builtin_cpu_supports(name)) found.sets.emplace_back(name)
  BNLSTM_FEATURE("avx2");
  BNLSTM_FEATURE("fma");
  BNLSTM_FEATURE("avx512f");
  BNLSTM_FEATURE("avx512vnni");
  BNLSTM_FEATURE("avx512bf16");
  BNLSTM_FEATURE("amx-tile");
  BNLSTM_FEATURE("amx-bf16");
#undef BNLSTM_FEATURE
#elif defined(__aarch64__)
  found.level = "aarch64";
  found.sets = {"neon"};
#else
  found.level = "unknown";
#endif
  return found;
}

}  // namespace bnlstm
