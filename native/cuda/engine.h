#pragma once

#include <memory>

#include "core/engine.h"

namespace bnlstm::cuda {

struct EngineOptions {
  int device = 0;
  /// Products of f32 may round their operands to TF32 (10 bits of mantissa).
  bool tf32 = false;
};

/// An engine on one GPU with CUDA streams of its own: `cuda:0`, in builds for tests `emulator`.
/// Throws kDevice where the device or cuBLAS cannot be used.
std::shared_ptr<Engine> MakeEngine(const EngineOptions& options);

}  // namespace bnlstm::cuda
