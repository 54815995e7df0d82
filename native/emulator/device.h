#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/bf16.h"
#include "emulator/grid.h"
#include "emulator/relaxed.h"

// The primitives of native/cuda/device/primitives.h, and the words of CUDA's C++, for g++.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace bnlstm::device {

struct alignas(16) Words {
  uint32_t x, y, z, w;
};

inline int ThreadIndex() { return emulator::current->index; }
inline int ThreadCount() { return static_cast<int>(emulator::current->block->threads.size()); }
inline int64_t BlockIndex() { return emulator::current->block->index; }
inline int64_t BlockCount() { return emulator::block_count; }

template <class T>
T* SharedMemory() {
  return reinterpret_cast<T*>(emulator::current->block->shared);
}

inline void SyncBlock() { emulator::WaitForBlock(); }

template <class T>
T ShuffleXor(T value, int mask) {
  const auto* box = emulator::Exchange(emulator::Collective::kShuffleXor, value);
  std::memcpy(&value, box[(ThreadIndex() ^ mask) % emulator::Warp::kLanes], sizeof value);
  return value;
}
template <class T>
T ShuffleFrom(T value, int lane) {
  const auto* box = emulator::Exchange(emulator::Collective::kShuffleFrom, value);
  std::memcpy(&value, box[static_cast<unsigned>(lane) % emulator::Warp::kLanes], sizeof value);
  return value;
}
inline int PopCount(unsigned bits) { return std::popcount(bits); }
inline int FirstBit(unsigned bits) { return std::countr_zero(bits); }

inline unsigned Ballot(bool value) {
  const auto* box = emulator::Exchange(emulator::Collective::kBallot, value);
  unsigned ballot = 0;
  for (int lane = 0; lane < emulator::Warp::kLanes; ++lane) {
    ballot |= (box[lane][0] != std::byte{0} ? 1u : 0u) << lane;
  }
  return ballot;
}

inline uint16_t RoundToBf16(float value) {
  return value != value ? uint16_t{0x7fff} : ToBf16(value);
}
inline uint32_t RoundToBf16Pair(float low, float high) {
  return RoundToBf16(low) | uint32_t{RoundToBf16(high)} << 16;
}

/// Lane 4g + t holds of a: rows g and g + 8 (a[0], a[1]) of columns 2t and 2t + 1, then the same
/// rows of columns 2t + 8 and 2t + 9; of b: rows 2t and 2t + 1, then 2t + 8 and 2t + 9, of column g;
/// of d: columns 2t and 2t + 1 of row g, then of row g + 8.
inline void MultiplyTiles(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  struct Fragments {
    uint32_t a[4], b[2];
  };
  const Fragments mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto* box = emulator::Exchange(emulator::Collective::kMultiplyTiles, mine);
  const int lane = ThreadIndex() % emulator::Warp::kLanes, g = lane / 4, t = lane % 4;
  float rows[2][16], columns[2][16];
  const auto unpack = [](float* to, uint32_t pair) {
    to[0] = FromBf16(static_cast<uint16_t>(pair));
    to[1] = FromBf16(static_cast<uint16_t>(pair >> 16));
  };
  for (int of = 0; of < 4; ++of) {
    Fragments row, column[2];
    std::memcpy(&row, box[4 * g + of], sizeof row);
    std::memcpy(&column[0], box[4 * (2 * t) + of], sizeof row);
    std::memcpy(&column[1], box[4 * (2 * t + 1) + of], sizeof row);
    for (int i = 0; i < 4; ++i) {
      unpack(rows[i % 2] + 2 * of + 8 * (i / 2), row.a[i]);
      unpack(columns[i % 2] + 2 * of + 8 * (i / 2), column[i % 2].b[i / 2]);
    }
  }
  for (int i = 0; i < 4; ++i) {
    float sum = d[i];
    for (int k = 0; k < 16; ++k) sum += rows[i / 2][k] * columns[i % 2][k];
    d[i] = sum;
  }
}

inline uint32_t RoundToTf32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
  return (finite ? bits + 0x1000u : bits) & ~0x1fffu;
}
/// Lane 4g + t holds of a: rows g and g + 8 of column t, then of column t + 4; of b: rows t and t + 4
/// of column g; of d the same as above.
inline void MultiplyTf32Tiles(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  struct Fragments {
    uint32_t a[4], b[2];
  };
  const Fragments mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto* box = emulator::Exchange(emulator::Collective::kMultiplyTf32Tiles, mine);
  const int lane = ThreadIndex() % emulator::Warp::kLanes, g = lane / 4, t = lane % 4;
  // The tensor cores leave out the bits below TF32.
  const auto number = [](uint32_t bits) { return std::bit_cast<float>(bits & ~0x1fffu); };
  float rows[2][8], columns[2][8];
  for (int of = 0; of < 4; ++of) {
    Fragments row, column[2];
    std::memcpy(&row, box[4 * g + of], sizeof row);
    std::memcpy(&column[0], box[4 * (2 * t) + of], sizeof row);
    std::memcpy(&column[1], box[4 * (2 * t + 1) + of], sizeof row);
    for (int i = 0; i < 4; ++i) {
      rows[i % 2][of + 4 * (i / 2)] = number(row.a[i]);
      columns[i % 2][of + 4 * (i / 2)] = number(column[i % 2].b[i / 2]);
    }
  }
  for (int i = 0; i < 4; ++i) {
    float sum = d[i];
    for (int k = 0; k < 8; ++k) sum += rows[i / 2][k] * columns[i % 2][k];
    d[i] = sum;
  }
}

template <class To, class From>
inline To Same(const From& from) {
  return std::bit_cast<To>(from);
}
inline uint32_t BitsOf(float value) { return std::bit_cast<uint32_t>(value); }
inline float FloatOf(uint32_t bits) { return std::bit_cast<float>(bits); }

inline float Exp2(float x) { return std::exp2(x); }
inline float Reciprocal(float x) { return 1.0f / x; }
inline float InverseSquareRoot(float x) { return 1.0f / std::sqrt(x); }

inline Words LoadRelaxed(const void* from) {
  uint32_t words[4];
  emulator::LoadWords(words, from);
  return {words[0], words[1], words[2], words[3]};
}
inline void LoadRelaxedIf(bool condition, const void* from, Words& v) {
  if (condition) v = LoadRelaxed(from);
}
inline void StoreRelaxed(void* to, const Words& v) {
  emulator::StoreWords(to, {v.x, v.y, v.z, v.w});
}
inline void Prefetch(const void*) {}
inline int LoadFlag(const int* from) { return *static_cast<const volatile int*>(from); }
inline void StoreFlag(int* to, int flag) { *static_cast<volatile int*>(to) = flag; }
inline void SpinHint() { emulator::Spin(); }
inline int64_t Nanoseconds() { return emulator::IdleNanoseconds(); }

}  // namespace bnlstm::device
