#pragma once

#include "core/bf16.h"
#include "core/tensor.h"
#include "cuda/device/primitives.h"

namespace bnlstm::cuda {

/// The elements of an f32 or bf16 tensor as f32, for kernels that serve both.
class Elements {
 public:
  Elements() = default;
  explicit Elements(const Tensor& tensor)
      : data_(tensor.data), bf16_(tensor.dtype == DType::kBF16), present_(tensor.present) {}

  __device__ bool present() const { return present_; }
  __device__ float Get(int64_t i) const {
    return bf16_ ? FromBf16(static_cast<const uint16_t*>(data_)[i])
                 : static_cast<const float*>(data_)[i];
  }
  /// Rounds to nearest even where the elements are bf16.
  __device__ void Set(int64_t i, float value) const {
    if (bf16_) {
      static_cast<uint16_t*>(data_)[i] = device::RoundToBf16(value);
    } else {
      static_cast<float*>(data_)[i] = value;
    }
  }

 private:
  void* data_ = nullptr;
  bool bf16_ = false, present_ = false;
};

}  // namespace bnlstm::cuda
