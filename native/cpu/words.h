#pragma once

#include <cstdint>
#include <cstring>

#include "core/bf16.h"
#include "cpu/simd/kernels.h"

/// The words of 32 bits that operands of products are made of (cpu/simd/product.h).
namespace bnlstm::cpu {

inline int64_t RoundUp(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

/// Words that hold `count` values.
inline int64_t WordsFor(const ValueKernels& value, int64_t count) {
  return (count + value.per_word - 1) / value.per_word;
}
/// The same as the depth of a product: padded.
inline int64_t DepthFor(const ValueKernels& value, int64_t count) {
  return RoundUp(WordsFor(value, count), value.depth_multiple);
}

/// Two bf16 as a word, `low` in its lower half.
inline float PairOf(uint16_t low, uint16_t high) {
  const uint32_t bits = low | static_cast<uint32_t>(high) << 16;
  float word;
  std::memcpy(&word, &bits, sizeof word);
  return word;
}

// How f32 become words: as they are, rounded to bf16, or two of them rounded.
struct Plain {
  static constexpr int64_t kPerWord = 1;
  static float Word(float low, float) { return low; }
};
struct Rounded {
  static constexpr int64_t kPerWord = 1;
  static float Word(float low, float) { return FromBf16(ToBf16(low)); }
};
struct Paired {
  static constexpr int64_t kPerWord = 2;
  static float Word(float low, float high) { return PairOf(ToBf16(low), ToBf16(high)); }
};

}  // namespace bnlstm::cpu
