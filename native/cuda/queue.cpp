#include "cuda/queue.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace bnlstm::cuda {
namespace {

/// A device that others have for themselves, for example, is none that can be used.
int Select(int device) {
  const cudaError_t error = cudaSetDevice(device);
  try {
    Check(error, "cudaSetDevice");
  } catch (const Error& cause) {
    if (cause.code() != kInternal) throw;
    throw Error(kDevice, "cuda:" + std::to_string(device) + " cannot be used: " +
                             cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")");
  }
  return device;
}

DeviceFacts FactsOf(int device, bool tf32) {
  const auto read = [&](cudaDeviceAttr attribute) {
    int value = 0;
    Check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
    return value;
  };
  return {.multiprocessors = read(cudaDevAttrMultiProcessorCount),
          .capability = 10 * read(cudaDevAttrComputeCapabilityMajor) +
                        read(cudaDevAttrComputeCapabilityMinor),
          .shared_bytes = static_cast<size_t>(read(cudaDevAttrMaxSharedMemoryPerBlockOptin)),
          .cooperative = read(cudaDevAttrCooperativeLaunch) != 0,
          .tf32 = tf32};
}

}  // namespace

Queue::Queue(int device, bool tf32)
    : device_(Select(device)),
      record(StreamHandle::First()),
      facts_(FactsOf(device, tf32)),
      blas_(record, tf32) {}

DeviceMemory Queue::Memory() {
  Use();
  memory_.Synchronize();  // what was freed there is free only then
  cudaMemPool_t pool = nullptr;
  Check(cudaDeviceGetDefaultMemPool(&pool, device_), "cudaDeviceGetDefaultMemPool");
  Check(cudaMemPoolTrimTo(pool, 0), "cudaMemPoolTrimTo");
  DeviceMemory memory;
  Check(cudaMemGetInfo(&memory.free, &memory.total), "cudaMemGetInfo");
  return memory;
}

void* Queue::Allocate(size_t bytes) {
  Use();
  void* memory = nullptr;
  cudaError_t error = cudaMallocAsync(&memory, bytes, memory_);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    const DeviceMemory there = Memory();  // gives back what the pool keeps
    error = cudaMallocAsync(&memory, bytes, memory_);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw Error(kOutOfMemory, "out of memory on the GPU: " + std::to_string(bytes) +
                                    " bytes are needed, " + std::to_string(there.free) + " of " +
                                    std::to_string(there.total) + " are free");
    }
  }
  Check(error, "cudaMallocAsync");
  try {
    Check(cudaMemsetAsync(memory, 0, bytes, memory_), "cudaMemsetAsync");
    memory_.Synchronize();
  } catch (...) {
    cudaFreeAsync(memory, memory_);
    throw;
  }
  return memory;
}

void Queue::Free(void* memory) {
  if (!memory) return;
  cudaSetDevice(device_);
  cudaFreeAsync(memory, memory_);
}

void Queue::Upload(void* device, const void* host, size_t bytes) {
  if (bytes == 0) return;
  Use();
  Guard([&] {
    Check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, up), "cudaMemcpyAsync");
    up.Synchronize();
  });
}

void Queue::Download(void* host, const void* device, size_t bytes) {
  if (bytes == 0) return;
  Use();
  Guard([&] {
    Check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, down), "cudaMemcpyAsync");
    down.Synchronize();
  });
}

Buffer Queue::NewMemory(size_t bytes) {
  Buffer memory(memory_, bytes);
  memory_.Synchronize();  // or another stream might use it before it is there
  return memory;
}

void Queue::Reserve(size_t workspace_bytes, size_t slot_bytes) {
  if (workspace_bytes > workspace_.bytes()) {
    Buffer larger = NewMemory(workspace_bytes);
    Wait();
    workspace_ = std::move(larger);
  }
  if (slot_bytes <= slots_[0].memory.bytes()) return;
  Buffer larger[kSlots];
  for (Buffer& memory : larger) memory = NewMemory(slot_bytes);  // all, or none has changed
  Wait();
  for (size_t i = 0; i < kSlots; ++i) slots_[i].memory = std::move(larger[i]);
}

void Queue::Wait() const {
  up.Synchronize();
  compute.Synchronize();
  down.Synchronize();
}

void Queue::Drain() const {
  for (const StreamHandle* stream : {&up, &compute, &record, &beside_stream_, &down}) {
    cudaStreamSynchronize(*stream);
  }
}

void Queue::MakeBeside() {
  if (!beside_) beside_.emplace(context(), beside_stream_, facts_.tf32);
}

void Queue::ClearCache() {
  if (cache_.bytes() == 0) {
    int bytes = 0;
    Check(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device_),
          "cudaDeviceGetAttribute");
    cache_ = NewMemory(2 * static_cast<size_t>(bytes));
  }
  Check(cudaMemsetAsync(cache_.data(), 0, cache_.bytes(), compute), "cudaMemsetAsync");
}

Context Queue::context() const {
  return {record,  &blas_,         workspace_.data(),
          &facts_, gave_up_.get(), beside_ ? &beside_->context : nullptr};
}

void Queue::CheckWaits() const {
  if (*static_cast<const volatile int*>(gave_up_.get()) == 0) return;
  throw Error(kDevice, "a persistent kernel on cuda:" + std::to_string(device_) +
                           " has waited for its own blocks for too long; what it computed is lost, "
                           "and this engine cannot be used any more. Is the GPU shared with "
                           "something that keeps it busy for seconds? The plan 'steps' waits for "
                           "nothing");
}

Queue::Slot& Queue::Take() {
  Assert(taken_ - released_ < kSlots, "too many runs are in flight");
  return slots_[taken_++ % kSlots];
}

Queue::Slot& Queue::Release() {
  Assert(released_ < taken_, "no run is in flight");
  return slots_[released_++ % kSlots];
}

}  // namespace bnlstm::cuda
