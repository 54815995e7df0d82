#pragma once

#include <napi.h>

#include <string>

#include "core/dtype.h"

namespace bnlstm::addon {

/// The memory of a typed array, valid until JavaScript runs again.
struct HostArray {
  void* data = nullptr;
  size_t count = 0, bytes = 0;
  DType dtype = DType::kF32;
};

/// Throws kArgument for a value that is no Float32Array, Int32Array, Uint16Array (bf16) or
/// Uint8Array.
HostArray ReadHostArray(const Napi::Value& value, const std::string& what);

/// The same, of exactly this type and number of elements. A detached array has none.
HostArray ReadHostArray(const Napi::Value& value, DType dtype, size_t count,
                        const std::string& what);

}  // namespace bnlstm::addon
