#pragma once

#include <cstddef>

namespace bnlstm::cuda {

/// What ops are planned by: of the device, and of the engine's options.
struct DeviceFacts {
  int multiprocessors = 1;
  int capability = 0;        // 10 major + minor
  size_t shared_bytes = 0;   // that a block may have
  bool cooperative = false;  // grids whose blocks all run at the same time
  bool tf32 = false;         // products of f32 may round their operands
};

}  // namespace bnlstm::cuda
