#pragma once

// The seam to the host side of CUDA: the part of the runtime's API that this engine uses, under its
// own names. In a build for the emulator the same names are native/emulator's.
#ifdef BNLSTM_EMULATOR
#include "emulator/runtime.h"
#else
#include <cuda_runtime.h>
#endif

namespace bnlstm::cuda {

/// Throws Error for a call that failed: kOutOfMemory, or kDeviceLost for an error after which the
/// device can do nothing in this process. `what` names the call.
void Check(cudaError_t error, const char* what);

}  // namespace bnlstm::cuda
