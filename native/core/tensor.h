#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace bnlstm {

using Shape = std::vector<int64_t>;

inline int64_t Count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

/// A dense row-major view of device memory that it does not own. `data` is null while only sizes
/// are asked for, and in an operand that was not given.
struct Tensor {
  DType dtype = DType::kF32;
  Shape shape;
  void* data = nullptr;
  bool present = false;

  int64_t count() const { return present ? Count(shape) : 0; }
  size_t bytes() const { return static_cast<size_t>(count()) * ByteSize(dtype); }
  float* f32() const { return static_cast<float*>(data); }
  uint16_t* bf16() const { return static_cast<uint16_t*>(data); }
  int32_t* i32() const { return static_cast<int32_t*>(data); }
  uint8_t* u8() const { return static_cast<uint8_t*>(data); }
  explicit operator bool() const { return present; }
};

}  // namespace bnlstm
