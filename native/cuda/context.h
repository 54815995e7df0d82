#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/device_facts.h"
#include "cuda/runtime.h"

namespace bnlstm::cuda {

class Blas;

/// Where an op enqueues its work.
struct Context {
  cudaStream_t stream = nullptr;
  const Blas* blas = nullptr;
  std::byte* workspace = nullptr;  // of at least Workspace(op) bytes, for this op alone
  const DeviceFacts* device = nullptr;
  int* gave_up = nullptr;  // set by a grid whose blocks have waited too long for one another
  const Context* beside = nullptr;  // on a second stream of the engine, for ops of `overlaps` alone
};

}  // namespace bnlstm::cuda
