#include "cuda/probe.h"

#if defined(BNLSTM_CUDA_ENGINE) && !defined(BNLSTM_EMULATOR)
#include <cuda_runtime_api.h>

#include "cuda/architectures.h"
#include "cuda/library/cublas.h"
#endif

namespace bnlstm::cuda {
namespace {

#if defined(BNLSTM_CUDA_ENGINE) && !defined(BNLSTM_EMULATOR)

Facts Ask() {
  Facts facts;
  facts.built = true;
  facts.architectures = Architectures();
#ifdef BNLSTM_CUDA_PTX
  facts.compiles = true;
#endif
  // Both answer without a driver; a failure leaves 0.
  cudaDriverGetVersion(&facts.driver_version);
  cudaRuntimeGetVersion(&facts.runtime_version);
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  for (int i = 0; error == cudaSuccess && i < count; ++i) {
    cudaDeviceProp properties;
    error = cudaGetDeviceProperties(&properties, i);
    if (error != cudaSuccess) break;
    facts.gpus.push_back({properties.name, properties.major, properties.minor,
                          properties.totalGlobalMem, properties.multiProcessorCount});
  }
  cudaGetLastError();  // or the next checked call of the engine would report this one
  facts.old_driver = error == cudaErrorInsufficientDriver;
  facts.no_device = error == cudaErrorNoDevice;
  if (error != cudaSuccess && !facts.old_driver && !facts.no_device) {
    facts.error = std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
  }
  // Not where there is no GPU: it is large.
  if (error == cudaSuccess && count > 0) {
    facts.cublas = FindCublas().path;
    facts.cublas_why = FindCublas().why;
    if (!FindCublas().functions) facts.cublas.clear();
  }
  return facts;
}

#else

Facts Ask() { return {}; }

#endif

}  // namespace

const Probe& ProbeDevices() {
  static const Probe probe = [] {
    Probe made;
    made.facts = Ask();
    made.verdict = Explain(made.facts);
    return made;
  }();
  return probe;
}

}  // namespace bnlstm::cuda
