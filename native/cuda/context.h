#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/runtime.h"

namespace bnlstm::cuda {

class Blas;

/// Where an op enqueues its work.
struct Context {
  cudaStream_t stream = nullptr;
  const Blas* blas = nullptr;
  std::byte* workspace = nullptr;  // of at least Workspace(op) bytes, for this op alone
  int multiprocessors = 1;
};

}  // namespace bnlstm::cuda
