#pragma once

#include <cstdint>
#include <cstring>

#include "core/host_device.h"

namespace bnlstm {

/// bfloat16 is the upper half of a float32: its range, and 8 bits of precision.

/// Rounds to nearest, ties to even. What overflows becomes infinite, denormals are kept, a NaN stays
/// a NaN of its sign. Without a branch, so that loops over it become vectors.
BNLSTM_HOST_DEVICE inline uint16_t ToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  // A NaN with bits in the lower half alone must not become infinity.
  const uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

BNLSTM_HOST_DEVICE inline float FromBf16(uint16_t half) {
  const uint32_t bits = uint32_t{half} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void ToBf16(uint16_t* to, const float* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = ToBf16(from[i]);
}

inline void FromBf16(float* to, const uint16_t* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = FromBf16(from[i]);
}

}  // namespace bnlstm
