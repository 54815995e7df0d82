#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// An operand of u8 whose layout only the engine knows (`packed`, `saved`, `scratch`), or nothing.
inline Tensor Blob(const OpArguments& op, const char* key) {
  Tensor blob = op.Find(key);
  Assert(!blob.present || blob.dtype == DType::kU8, op.name + ": a blob must be u8");
  return blob;
}

/// The option `dtype` of ops whose operands do not tell the model's: 'f32' (default) or 'bf16'.
inline bool IsBf16(const OpArguments& op) {
  if (!op.options.count("dtype")) return false;
  const std::string& dtype = op.Text("dtype");
  Assert(dtype == "f32" || dtype == "bf16", op.name + ": bad option 'dtype'");
  return dtype == "bf16";
}

}  // namespace bnlstm::ops
