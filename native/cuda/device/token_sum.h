#pragma once

#include <bit>

#include "cuda/device/primitives.h"

namespace bnlstm::device {

/// The sum of value(place) over the places whose token is `id`, in their order. To be called by all
/// lanes of a warp for one id: a lane has a column, and so a value() and a sum, of its own.
template <class Value>
__device__ inline float TokenSum(const int32_t* tokens, int64_t places, int64_t id,
                                 const Value& value) {
  constexpr int kWords = 4;   // of 32 places, looked at together: most have no match
  constexpr int kAtOnce = 8;  // values that are on their way from memory together
  float sum = 0;
  for (int64_t first = 0; first < places; first += kWords * kWarp) {
    unsigned matches[kWords], any = 0;
    for (int word = 0; word < kWords; ++word) {
      const int64_t place = first + word * kWarp + Lane();
      matches[word] = Ballot(place < places && tokens[place] == id);
      any |= matches[word];
    }
    if (any == 0) continue;
    for (int word = 0; word < kWords; ++word) {
      for (unsigned left = matches[word]; left != 0;) {
        float values[kAtOnce];
        for (float& next : values) {
          next = left != 0 ? value(first + word * kWarp + std::countr_zero(left)) : 0.0f;
          left &= left - 1;
        }
        for (float next : values) sum += next;
      }
    }
  }
  return sum;
}

}  // namespace bnlstm::device
