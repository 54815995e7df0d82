#include "cuda/runtime.h"

#include <string>

#include "core/error.h"

namespace bnlstm::cuda {
namespace {

/// Errors after which every call of the process on this device fails.
bool IsSticky(cudaError_t error) {
  switch (static_cast<int>(error)) {
    case 214:  // uncorrectable memory error
    case 220:  // uncorrectable error of NVLink
    case 226:  // contained error
    case 700:  // illegal address
    case 702:  // launch timeout
    case 709:  // the context was destroyed
    case 710:  // assertion in a kernel
    case 714:  // hardware stack error
    case 715:  // illegal instruction
    case 716:  // misaligned address
    case 717:  // invalid address space
    case 718:  // invalid program counter
    case 719:  // launch failure
    case 721:  // tensor memory leak
    case 810:  // the client of MPS was terminated
    case 911:  // error of another device
    case 999:  // unknown
      return true;
    default:
      return false;
  }
}

}  // namespace

void Check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // or the next call that asks would get this one
  const std::string said =
      std::string(cudaGetErrorName(error)) + " (" + cudaGetErrorString(error) + ") in " + what;
  if (IsSticky(error)) {
    throw Error(kDeviceLost, "the GPU failed and is lost to this process: " + said +
                                 "; start the process again. Models on other devices go on");
  }
  if (error == cudaErrorCooperativeLaunchTooLarge) {
    throw Error(
        kDevice,
        "the GPU has too few multiprocessors free for a persistent kernel, whose blocks all run "
        "at the same time: does MPS or another setting limit this process? The plan "
        "'steps' needs no such thing: " +
            said);
  }
  if (error == cudaErrorMemoryAllocation) {
    throw Error(kOutOfMemory, "the GPU has not enough memory: " + said);
  }
  throw Error(kInternal, "internal error: " + said);
}

}  // namespace bnlstm::cuda
