#include "cuda/probe.h"

#ifdef BNLSTM_HAVE_CUDA
#include <cuda_runtime_api.h>
#endif

namespace bnlstm::cuda {

#ifdef BNLSTM_HAVE_CUDA

namespace {

std::string Version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string Explain(const Probe& probe) {
  const std::string needed = Version(probe.runtime_version);
  // An absent driver and an old one give the same error; the driver's version tells them apart.
  if (probe.driver_version == 0) {
    return "no NVIDIA driver was found; install one for CUDA " + needed + " or newer";
  }
  if (probe.code == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver serves CUDA " + Version(probe.driver_version) +
           " at most, and this build needs " + needed + "; update the driver";
  }
  if (probe.code == cudaErrorNoDevice) {
    return "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES set?)";
  }
  if (probe.code != cudaSuccess) {
    return probe.name + ": " + cudaGetErrorString(static_cast<cudaError_t>(probe.code));
  }
  return std::to_string(probe.device_count) + " CUDA device(s)";
}

}  // namespace

Probe ProbeDevices() {
  Probe probe;
  probe.built = true;
  // Both answer without a driver; a failure leaves 0.
  cudaDriverGetVersion(&probe.driver_version);
  cudaRuntimeGetVersion(&probe.runtime_version);
  cudaError_t error = cudaGetDeviceCount(&probe.device_count);
  if (error == cudaSuccess && probe.device_count == 0) error = cudaErrorNoDevice;
  if (error != cudaSuccess) probe.device_count = 0;
  for (int i = 0; error == cudaSuccess && i < probe.device_count; ++i) {
    cudaDeviceProp properties;
    error = cudaGetDeviceProperties(&properties, i);
    if (error == cudaSuccess) probe.devices.emplace_back(properties.name);
  }
  cudaGetLastError();  // or the next checked call of the engine would report this one
  probe.code = error;
  probe.name = cudaGetErrorName(error);
  probe.message = Explain(probe);
  return probe;
}

#else

Probe ProbeDevices() {
  Probe probe;
  probe.message =
      "this build of bnlstm has no CUDA code; rebuild it where a CUDA toolkit is installed, with "
      "scripts/build.mjs --cuda on";
  return probe;
}

#endif

}  // namespace bnlstm::cuda
