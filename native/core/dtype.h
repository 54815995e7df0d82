#pragma once

#include <cstddef>
#include <cstdint>

namespace bnlstm {

/// Element types of device memory. kU8 is for opaque blobs (saved, scratch, packed), whose layout
/// only the engine knows.
enum class DType : uint8_t { kF32, kBF16, kI32, kU8 };

constexpr size_t ByteSize(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kBF16:
      return 2;
    case DType::kU8:
      return 1;
  }
  return 0;
}

constexpr const char* Name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kBF16:
      return "bf16";
    case DType::kI32:
      return "i32";
    case DType::kU8:
      return "u8";
  }
  return "?";
}

}  // namespace bnlstm
