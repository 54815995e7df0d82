#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/simd/isa.h"

/// The eight tiles of AMX, 16 rows of 64 bytes each, behind functions: test/native compiles the
/// product against an emulation of them (BNLSTM_EMULATE_AMX), since few machines have the real ones.
/// Tiles are named by number, which the instructions hold.
namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {

#ifdef BNLSTM_EMULATE_AMX

struct Tiles {
  float tile[8][16][16];
  static Tiles& Mine() {
    static thread_local Tiles tiles;
    return tiles;
  }
};
BNLSTM_INLINE void Configure() { std::memset(&Tiles::Mine(), 0x7f, sizeof(Tiles)); }
BNLSTM_INLINE void Release() {}
template <int t>
BNLSTM_INLINE void Zero() {
  std::memset(Tiles::Mine().tile[t], 0, sizeof(Tiles::Mine().tile[t]));
}
template <int t>
BNLSTM_INLINE void LoadTile(const float* words, int64_t stride) {
  for (int i = 0; i < 16; ++i) std::memcpy(Tiles::Mine().tile[t][i], words + i * stride, 64);
}
template <int t>
BNLSTM_INLINE void StoreTile(float* words, int64_t stride) {
  for (int i = 0; i < 16; ++i) std::memcpy(words + i * stride, Tiles::Mine().tile[t][i], 64);
}
/// TDPBF16PS: c[m][n] += sum over words k of a[m][k] b[k][n], the lower and the upper halves summed
/// from zero each, and added to one another before they are added to c.
template <int c, int a, int b>
inline void MultiplyTiles() {
  auto& tile = Tiles::Mine().tile;
  const auto half = [](float word, int upper) {
    uint32_t bits;
    std::memcpy(&bits, &word, 4);
    bits = upper ? bits & 0xffff0000u : bits << 16;
    std::memcpy(&word, &bits, 4);
    return word;
  };
  for (int m = 0; m < 16; ++m) {
    float sum[2][16] = {};
    for (int k = 0; k < 16; ++k)
      for (int upper = 0; upper < 2; ++upper)
        for (int n = 0; n < 16; ++n)
          sum[upper][n] += half(tile[a][m][k], upper) * half(tile[b][k][n], upper);
    for (int n = 0; n < 16; ++n) tile[c][m][n] += sum[0][n] + sum[1][n];
  }
}

#else

// As assembly, because the intrinsics of GCC take nothing but literals.
BNLSTM_INLINE void Configure() {
  struct {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  static_assert(sizeof(config) == 64);
  asm volatile("ldtilecfg %0" ::"m"(config));
}
/// Tiles that are in use make every switch of threads slower.
BNLSTM_INLINE void Release() { asm volatile("tilerelease"); }
template <int t>
BNLSTM_INLINE void Zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(t));
}
template <int t>
BNLSTM_INLINE void LoadTile(const float* words, int64_t stride) {
  asm volatile("tileloadd (%0,%1,4), %%tmm%c2" ::"r"(words), "r"(stride), "i"(t) : "memory");
}
template <int t>
BNLSTM_INLINE void StoreTile(float* words, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,4)" ::"r"(words), "r"(stride), "i"(t) : "memory");
}
/// TDPBF16PS, as above. It takes denormal numbers for zero.
template <int c, int a, int b>
BNLSTM_INLINE void MultiplyTiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}

#endif

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
