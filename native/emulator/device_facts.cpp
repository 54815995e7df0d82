#include <cstring>

#include "emulator/settings.h"
#include "emulator/state.h"

// The device has the limits of compute capability 8.0 and what settings.h says.
namespace {

using bnlstm::emulator::Call;
using bnlstm::emulator::settings;
using bnlstm::emulator::State;

constexpr int kVersion = 13000;  // CUDA 13.0
constexpr int kMajor = 8, kMinor = 0, kL2Bytes = 1 << 20;

cudaError_t CheckDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

/// -1 for an attribute that is not known.
int Attribute(cudaDeviceAttr attribute) {
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      return bnlstm::emulator::kMostThreads;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return static_cast<int>(bnlstm::emulator::kMostSharedUnasked);
    case cudaDevAttrMultiProcessorCount:
      return settings.multiprocessors;
    case cudaDevAttrL2CacheSize:
      return kL2Bytes;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return bnlstm::emulator::kThreadsOfMultiprocessor;
    case cudaDevAttrComputeCapabilityMajor:
      return kMajor;
    case cudaDevAttrComputeCapabilityMinor:
      return kMinor;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return static_cast<int>(bnlstm::emulator::kSharedOfMultiprocessor);
    case cudaDevAttrCooperativeLaunch:
      return 1;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return static_cast<int>(bnlstm::emulator::kMostShared);
    case cudaDevAttrMemoryPoolsSupported:
      return 1;
  }
  return -1;
}

}  // namespace

cudaError_t cudaDriverGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  return Call([&](State&) {
    *count = 1;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return Call([&](State&) { return CheckDevice(device); });
}

cudaError_t cudaGetDevice(int* device) {
  return Call([&](State&) {
    *device = 0;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return Call([&](State&) {
    *value = Attribute(attribute);
    return *value == -1 ? cudaErrorInvalidValue : CheckDevice(device);
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return Call([&](State&) {
    *least = 0;
    *greatest = -5;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return Call([&](State&) {
    *properties = {};
    std::strcpy(properties->name, "emulator");
    properties->totalGlobalMem = settings.memory;
    properties->major = kMajor;
    properties->minor = kMinor;
    properties->multiProcessorCount = settings.multiprocessors;
    properties->l2CacheSize = kL2Bytes;
    return CheckDevice(device);
  });
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return Call([&](State& state) {
    *total = settings.memory;
    *free = settings.memory > state.heap.in_use ? settings.memory - state.heap.in_use : 0;
    return cudaSuccess;
  });
}

// The one pool: nothing is kept in it, so there is nothing to trim.

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return Call([&](State& state) {
    *pool = reinterpret_cast<cudaMemPool_t>(&state);
    return CheckDevice(device);
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return Call([&](State& state) {
    const bool ok = pool == reinterpret_cast<cudaMemPool_t>(&state) && value != nullptr &&
                    attribute == cudaMemPoolAttrReleaseThreshold;
    return ok ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  return Call([&](State& state) {
    state.RunAll();
    return pool == reinterpret_cast<cudaMemPool_t>(&state) ? cudaSuccess : cudaErrorInvalidValue;
  });
}
