#include "emulator/runtime.h"

namespace {

struct Description {
  cudaError_t error;
  const char* name;
  const char* text;
};

// The texts are those of CUDA 13.
constexpr Description kDescriptions[] = {
#define BNLSTM_ERROR(name, text) \
  { name, #name, text }
    BNLSTM_ERROR(cudaSuccess, "no error"),
    BNLSTM_ERROR(cudaErrorInvalidValue, "invalid argument"),
    BNLSTM_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    BNLSTM_ERROR(cudaErrorInitializationError, "initialization error"),
    BNLSTM_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    BNLSTM_ERROR(cudaErrorInsufficientDriver,
                 "CUDA driver version is insufficient for CUDA runtime version"),
    BNLSTM_ERROR(cudaErrorDevicesUnavailable, "CUDA-capable device(s) is/are busy or unavailable"),
    BNLSTM_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    BNLSTM_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    BNLSTM_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    BNLSTM_ERROR(cudaErrorDeviceUninitialized, "invalid device context"),
    BNLSTM_ERROR(cudaErrorNoKernelImageForDevice,
                 "no kernel image is available for execution on the device"),
    BNLSTM_ERROR(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
    BNLSTM_ERROR(cudaErrorUnsupportedPtxVersion,
                 "the provided PTX was compiled with an unsupported toolchain."),
    BNLSTM_ERROR(cudaErrorContained,
                 "Invalid access of peer GPU memory over nvlink or a hardware error"),
    BNLSTM_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    BNLSTM_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    BNLSTM_ERROR(cudaErrorNotReady, "device not ready"),
    BNLSTM_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    BNLSTM_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    BNLSTM_ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    BNLSTM_ERROR(cudaErrorContextIsDestroyed, "context is destroyed"),
    BNLSTM_ERROR(cudaErrorAssert, "device-side assert triggered"),
    BNLSTM_ERROR(cudaErrorHardwareStackError, "hardware stack error"),
    BNLSTM_ERROR(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    BNLSTM_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    BNLSTM_ERROR(cudaErrorInvalidAddressSpace,
                 "operation not supported on global/shared address space"),
    BNLSTM_ERROR(cudaErrorInvalidPc, "invalid program counter"),
    BNLSTM_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    BNLSTM_ERROR(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"),
    BNLSTM_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    BNLSTM_ERROR(cudaErrorNotSupported, "operation not supported"),
    BNLSTM_ERROR(cudaErrorSystemNotReady, "system not yet initialized"),
    BNLSTM_ERROR(cudaErrorSystemDriverMismatch,
                 "system has unsupported display driver / cuda driver combination"),
    BNLSTM_ERROR(cudaErrorStreamCaptureUnsupported,
                 "operation not permitted when stream is capturing"),
    BNLSTM_ERROR(cudaErrorStreamCaptureInvalidated,
                 "operation failed due to a previous error during capture"),
    BNLSTM_ERROR(cudaErrorStreamCaptureMerge,
                 "operation would result in a merge of separate capture sequences"),
    BNLSTM_ERROR(cudaErrorStreamCaptureUnmatched,
                 "capture was not ended in the same stream as it began"),
    BNLSTM_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    BNLSTM_ERROR(cudaErrorStreamCaptureIsolation,
                 "dependency created on uncaptured work in another stream"),
    BNLSTM_ERROR(cudaErrorStreamCaptureImplicit,
                 "operation would make the legacy stream depend on a capturing blocking stream"),
    BNLSTM_ERROR(cudaErrorCapturedEvent,
                 "operation not permitted on an event last recorded in a capturing stream"),
    BNLSTM_ERROR(cudaErrorStreamCaptureWrongThread,
                 "attempt to terminate a thread-local capture sequence from another thread"),
    BNLSTM_ERROR(cudaErrorUnknown, "unknown error"),
#undef BNLSTM_ERROR
};

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  for (const Description& each : kDescriptions) {
    if (each.error == error) return each.name;
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  for (const Description& each : kDescriptions) {
    if (each.error == error) return each.text;
  }
  return "unrecognized error code";
}
