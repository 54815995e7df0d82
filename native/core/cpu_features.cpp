#include "core/cpu_features.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace bnlstm {

#ifdef __x86_64__
namespace {

/// __builtin_cpu_supports of Clang 14 knows neither these nor the x86-64 levels.
bool AmxBit(int bit) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> bit & 1) != 0;
}

}  // namespace
#endif

bool HasAmxTiles() {
#ifdef __x86_64__
  return AmxBit(24);
#else
  return false;
#endif
}

bool HasAmxBf16() {
#ifdef __x86_64__
  return AmxBit(22);
#else
  return false;
#endif
}

CpuFeatures FindCpuFeatures() {
  CpuFeatures found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  // What tells each level from the one below.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  found.level = v4 ? "x86-64-v4" : v3 ? "x86-64-v3" : "x86-64-v2";
  // The builtin takes literals only.
#define BNLSTM_FEATURE(name) \
  if (__builtin_cpu_supports(name)) found.sets.emplace_back(name)
  BNLSTM_FEATURE("avx2");
  BNLSTM_FEATURE("fma");
  BNLSTM_FEATURE("avx512f");
  BNLSTM_FEATURE("avx512vnni");
  BNLSTM_FEATURE("avx512bf16");
#undef BNLSTM_FEATURE
  if (HasAmxTiles()) found.sets.emplace_back("amx-tile");
  if (HasAmxBf16()) found.sets.emplace_back("amx-bf16");
#elif defined(__aarch64__)
  found.level = "aarch64";
  found.sets = {"neon"};
#else
  found.level = "unknown";
#endif
  return found;
}

}  // namespace bnlstm
