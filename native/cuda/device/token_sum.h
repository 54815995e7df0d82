#pragma once

#include "cuda/device/primitives.h"

namespace bnlstm::device {

/// The sum of value(place) over the places whose token is `id`, in their order. To be called by all
/// lanes of a warp for one id: a lane has a column, and so a value() and a sum, of its own.
template <class Value>
__device__ inline float TokenSum(const int32_t* tokens, int64_t places, int64_t id,
                                 const Value& value) {
  constexpr int kGlance = 4 * kWarp;  // places looked at together: most have no match
  constexpr int kAtOnce = 8;          // values that are on their way from memory together
  const auto is_match = [&](int64_t place) { return place < places && tokens[place] == id; };
  float sum = 0;
  for (int64_t first = 0; first < places; first += kGlance) {
    bool any = false;
    for (int k = 0; k < kGlance; k += kWarp) any = is_match(first + k + Lane()) || any;
    if (Ballot(any) == 0) continue;
    for (int64_t warp = first; warp < first + kGlance; warp += kWarp) {
      const unsigned matches = Ballot(is_match(warp + Lane()));
      for (int begin = 0; begin < kWarp; begin += kAtOnce) {
        const unsigned some = matches >> begin & ((1u << kAtOnce) - 1);
        if (some == 0) continue;
        float values[kAtOnce];
        for (int k = 0; k < kAtOnce; ++k) {
          values[k] = (some >> k & 1) != 0 ? value(warp + begin + k) : 0.0f;
        }
        for (float next : values) sum += next;  // + 0 changes no sum that began with 0
      }
    }
  }
  return sum;
}

}  // namespace bnlstm::device
