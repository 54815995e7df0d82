#pragma once

#include <cstring>
#include <vector>

#include "core/bf16.h"
#include "core/tensor.h"

/// Elements of operands that are f32 or bf16, so that no op but the products has to know which. An
/// op computes in f32 on runs of consecutive elements: those of an f32 operand lie where they are,
/// those of a bf16 one are widened into a buffer, or rounded out of it.
namespace bnlstm::cpu {

/// Element i of memory that holds f32 or bf16.
inline float ElementAt(const void* data, DType dtype, int64_t i) {
  return dtype == DType::kBF16 ? bnlstm::FromBf16(static_cast<const uint16_t*>(data)[i])
                               : static_cast<const float*>(data)[i];
}

/// to[to_begin + i] = from[from_begin + i], rounded or widened where the types differ.
inline void Copy(const Tensor& to, int64_t to_begin, const Tensor& from, int64_t from_begin,
                 int64_t count) {
  if (to.dtype == from.dtype) {
    const size_t width = ByteSize(to.dtype);
    std::memcpy(to.u8() + static_cast<size_t>(to_begin) * width,
                from.u8() + static_cast<size_t>(from_begin) * width,
                static_cast<size_t>(count) * width);
  } else if (to.dtype == DType::kBF16) {
    bnlstm::ToBf16(to.bf16() + to_begin, from.f32() + from_begin, count);
  } else {
    bnlstm::FromBf16(to.f32() + to_begin, from.bf16() + from_begin, count);
  }
}

/// Zero has the same bits in both types: none.
inline void Zero(const Tensor& to, int64_t begin, int64_t count) {
  const size_t width = ByteSize(to.dtype);
  std::memset(to.u8() + static_cast<size_t>(begin) * width, 0, static_cast<size_t>(count) * width);
}

/// Reads runs of at most `longest` elements. One thread's own.
class Reader {
 public:
  Reader(const Tensor& tensor, int64_t longest) : tensor_(tensor) {
    if (tensor.dtype == DType::kBF16) buffer_.resize(static_cast<size_t>(longest));
  }
  /// Valid until the next call.
  const float* At(int64_t begin, int64_t count) {
    if (tensor_.dtype == DType::kF32) return tensor_.f32() + begin;
    bnlstm::FromBf16(buffer_.data(), tensor_.bf16() + begin, count);
    return buffer_.data();
  }

 private:
  const Tensor& tensor_;
  std::vector<float> buffer_;
};

/// Writes runs of at most `longest` elements. One thread's own.
class Writer {
 public:
  Writer(const Tensor& tensor, int64_t longest) : tensor_(tensor) {
    if (tensor.dtype == DType::kBF16) buffer_.resize(static_cast<size_t>(longest));
  }
  /// Where to put elements from `begin` on; they are in their place once Store was called.
  float* At(int64_t begin) {
    return tensor_.dtype == DType::kF32 ? tensor_.f32() + begin : buffer_.data();
  }
  void Store(int64_t begin, int64_t count) {
    if (tensor_.dtype == DType::kBF16)
      bnlstm::ToBf16(tensor_.bf16() + begin, buffer_.data(), count);
  }

 private:
  const Tensor& tensor_;
  std::vector<float> buffer_;
};

/// Elements of a run in ops that know no rows: buffers of it stay in the first-level cache.
inline constexpr int64_t kRun = 1024;

}  // namespace bnlstm::cpu
