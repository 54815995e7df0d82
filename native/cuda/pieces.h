#pragma once

#include <cstddef>

#include "core/tensor.h"

namespace bnlstm::cuda {

/// Hands out an op's workspace piece by piece. Without memory it only counts.
class Pieces {
 public:
  explicit Pieces(std::byte* workspace) : workspace_(workspace) {}

  Tensor Take(DType dtype, Shape shape) {
    Tensor piece{dtype, std::move(shape), workspace_ ? workspace_ + bytes_ : nullptr, true};
    constexpr size_t kAlignment = 256;
    bytes_ += (piece.bytes() + kAlignment - 1) / kAlignment * kAlignment;
    return piece;
  }
  size_t bytes() const { return bytes_; }

 private:
  std::byte* workspace_;
  size_t bytes_ = 0;
};

}  // namespace bnlstm::cuda
