#pragma once

#include "cuda/device/primitives.h"

namespace bnlstm::cuda {

/// Brings what a warp will read at a later step into L2. Loads of a warp return in order: one that had to
/// wait for the GPU's memory would hold up those of the exchange, which come after it. A lane has a line
/// of 128 bytes, so that all columns of a step take one instruction,
/// or `kLines`.
template <int kLines>
class Prefetch {
 public:
  static constexpr int kLine = 128, kStepsAhead = 4;

  /// Of a column, `bytes` of each step.
  __device__ __forceinline__ void Add(const void* column, int64_t bytes) {
    const int lines = static_cast<int>((bytes + kLine - 1) / kLine);
    BNLSTM_UNROLL
    for (int n = 0; n < kLines; ++n) {
      const int line = device::Lane() + n * device::kWarp - taken_;
      if (line < 0 || line >= lines) continue;
      line_[n] = static_cast<const char*>(column) + line * kLine;
      step_[n] = static_cast<int>(bytes);
    }
    taken_ += lines;
  }
  __device__ __forceinline__ void Step(int step) const {
    BNLSTM_UNROLL
    for (int n = 0; n < kLines; ++n) {
      if (line_[n]) device::Prefetch(line_[n] + int64_t{step} * step_[n]);
    }
  }

 private:
  const char* line_[kLines] = {};
  int step_[kLines] = {}, taken_ = 0;
};

}  // namespace bnlstm::cuda
