#pragma once

#include <cstddef>
#include <cstdint>

namespace bnlstm {

/// Hands out pieces of a blob one after the other, aligned to 64 bytes; with a null base it only
/// adds up how large the blob must be.
class Carver {
 public:
  explicit Carver(uint8_t* base) : base_(base) {}
  uint8_t* Bytes(size_t count) {
    const size_t at = bytes_;
    bytes_ += (count + 63) / 64 * 64;
    return base_ ? base_ + at : nullptr;
  }
  float* Floats(int64_t count) {
    return reinterpret_cast<float*>(Bytes(static_cast<size_t>(count) * sizeof(float)));
  }
  size_t bytes() const { return bytes_; }

 private:
  uint8_t* base_;
  size_t bytes_ = 0;
};

}  // namespace bnlstm
