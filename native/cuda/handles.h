#pragma once

#include <utility>

#include "cuda/runtime.h"

namespace bnlstm::cuda {

/// Owners of what CUDA hands out. Their destructors ignore errors: the device may be lost.

class StreamHandle {
 public:
  StreamHandle() {
    Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
  /// One whose blocks come before those of other streams.
  static StreamHandle First() {
    int least = 0, greatest = 0;
    Check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
    cudaStream_t stream = nullptr;
    Check(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest),
          "cudaStreamCreateWithPriority");
    return StreamHandle(stream);
  }
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;
  ~StreamHandle() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }
  void Synchronize() const { Check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

 private:
  explicit StreamHandle(cudaStream_t stream) : stream_(stream) {}

  cudaStream_t stream_ = nullptr;
};

class EventHandle {
 public:
  explicit EventHandle(unsigned flags = cudaEventDefault) {
    Check(cudaEventCreateWithFlags(&event_, flags), "cudaEventCreateWithFlags");
  }
  EventHandle(EventHandle&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  EventHandle& operator=(EventHandle&&) = delete;
  ~EventHandle() {
    if (event_) cudaEventDestroy(event_);
  }
  operator cudaEvent_t() const { return event_; }
  void Record(cudaStream_t stream) const {
    Check(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  void Synchronize() const { Check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }
  /// Whether Synchronize would not wait; an error counts as that.
  bool Ended() const {
    const bool ended = cudaEventQuery(event_) != cudaErrorNotReady;
    cudaGetLastError();
    return ended;
  }
  /// What is enqueued on the stream from now on runs after what was recorded last.
  void Precede(cudaStream_t stream) const {
    Check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// A flag that kernels set and the host reads, at first 0.
class PinnedFlag {
 public:
  PinnedFlag() {
    Check(cudaHostAlloc(&flag_, sizeof *flag_, cudaHostAllocDefault), "cudaHostAlloc");
    *flag_ = 0;
  }
  PinnedFlag(const PinnedFlag&) = delete;
  PinnedFlag& operator=(const PinnedFlag&) = delete;
  ~PinnedFlag() { cudaFreeHost(flag_); }
  int* get() const { return flag_; }

 private:
  int* flag_ = nullptr;
};

/// Device memory of a stream, which frees it once what is enqueued there has run.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(cudaStream_t stream, size_t bytes) : stream_(stream), bytes_(bytes) {
    if (bytes > 0) Check(cudaMallocAsync(&data_, bytes, stream), "cudaMallocAsync");
  }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(stream_, other.stream_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer() {
    if (data_) cudaFreeAsync(data_, stream_);
  }
  std::byte* data() const { return static_cast<std::byte*>(data_); }
  size_t bytes() const { return bytes_; }

 private:
  cudaStream_t stream_ = nullptr;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace bnlstm::cuda
