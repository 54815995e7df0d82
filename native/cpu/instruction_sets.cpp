#include "cpu/instruction_sets.h"

#include "core/cpu_features.h"

#if defined(BNLSTM_X86_KERNELS) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace bnlstm::cpu {

Kernels WithAmx(Kernels kernels, void (*multiply)(const Product&)) {
  constexpr int kSide = 16;  // words that a tile is wide and high
  kernels.name = "amx";
  kernels.bf16.per_word = 2;
  kernels.bf16.depth_multiple = kSide;
  kernels.bf16.row_multiple = kSide;
  kernels.bf16.half_blocks = false;
  kernels.bf16.multiply = multiply;
  return kernels;
}

#ifdef BNLSTM_X86_KERNELS
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
namespace avx512bf16 {
extern const Kernels kKernels;
}
namespace amx {
void MultiplyBf16Words(const Product& product);
}

namespace {

const Kernels& AmxKernels() {
  static const Kernels kernels = WithAmx(avx512bf16::kKernels, amx::MultiplyBf16Words);
  return kernels;
}

/// The kernel gives a process the tiles when it asks for them.
bool TilesGranted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

/// The first feature that is missing, or an empty text. The builtin takes literals only.
std::string MissingOf512() {
#define BNLSTM_NEEDS(feature) \
  if (!__builtin_cpu_supports(feature)) return "this CPU lacks " feature
  BNLSTM_NEEDS("avx512f");
  BNLSTM_NEEDS("avx512vl");
  BNLSTM_NEEDS("avx512bw");
  BNLSTM_NEEDS("avx512dq");
  return "";
}
std::string MissingOf2() {
  BNLSTM_NEEDS("avx2");
  BNLSTM_NEEDS("fma");
  return "";
}
std::string MissingOf512Bf16() {
  BNLSTM_NEEDS("avx512bf16");
  return MissingOf512();
}
#undef BNLSTM_NEEDS
std::string MissingOfAmx() {
  if (!HasAmxTiles()) return "this CPU lacks amx-tile";
  if (!HasAmxBf16()) return "this CPU lacks amx-bf16";
  if (!TilesGranted()) return "the operating system does not grant AMX tiles";
  return MissingOf512Bf16();
}

}  // namespace
#endif

const std::vector<InstructionSet>& InstructionSets() {
  static const std::vector<InstructionSet> sets = [] {
    std::vector<InstructionSet> found;
    const auto add = [&](const Kernels& kernels, const char* what, const std::string& missing) {
      const bool runs = missing.empty();
      found.push_back({kernels.name, runs ? &kernels : nullptr, runs ? what : missing});
    };
    add(kKernels, "plain C++, the same bits on every machine", "");
#ifdef BNLSTM_X86_KERNELS
    __builtin_cpu_init();
    add(avx2::kKernels, "AVX2 and FMA; bf16 by rounding", MissingOf2());
    add(avx512::kKernels, "AVX-512; bf16 by rounding", MissingOf512());
    add(avx512bf16::kKernels, "AVX-512 with bf16 products", MissingOf512Bf16());
    add(AmxKernels(), "AVX-512, bf16 products on AMX", MissingOfAmx());
#endif
    return found;
  }();
  return sets;
}

const Kernels& BestKernels() {
  const Kernels* best = nullptr;
  for (const InstructionSet& set : InstructionSets())
    if (set.kernels) best = set.kernels;
  return *best;
}

}  // namespace bnlstm::cpu
