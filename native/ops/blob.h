#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// An operand of u8 whose layout only the engine knows (`packed`, `saved`, `scratch`), or nothing.
inline Tensor Blob(const OpArguments& op, const char* key) {
  Tensor blob = op.Find(key);
  Assert(!blob.present || blob.dtype == DType::kU8, op.name + ": a blob must be u8");
  return blob;
}

}  // namespace bnlstm::ops
