#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "check.h"
#include "emulator/control.h"
#include "emulator/device.h"
#include "emulator/runtime.h"

#define CHECK_CUDA(call) CHECK_EQ(cudaGetErrorName(call), std::string("cudaSuccess"))
/// The call fails with this error.
#define CHECK_CUDA_ERROR(call, error) CHECK_EQ(cudaGetErrorName(call), std::string(#error))

namespace bnlstm {

/// A stream whose calls must succeed.
class EmulatorStream {
 public:
  EmulatorStream() { CHECK_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  EmulatorStream(const EmulatorStream&) = delete;
  EmulatorStream& operator=(const EmulatorStream&) = delete;
  ~EmulatorStream() { cudaStreamDestroy(stream_); }

  operator cudaStream_t() const { return stream_; }

  template <class Kernel>
  void Launch(int64_t blocks, int threads, size_t shared_bytes, Kernel kernel) const {
    CHECK_CUDA(emulator::Launch(stream_, blocks, threads, shared_bytes, std::move(kernel)));
  }
  void Synchronize() const { CHECK_CUDA(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// Memory of the device. Its words are read and written by tests without the API: what the API does
/// is checked where that is the subject.
template <class T>
class EmulatorArray {
 public:
  explicit EmulatorArray(size_t count) : count_(count) {
    CHECK_CUDA(cudaMalloc(&data_, count * sizeof(T)));
  }
  EmulatorArray(const EmulatorArray&) = delete;
  EmulatorArray& operator=(const EmulatorArray&) = delete;
  ~EmulatorArray() { cudaFree(data_); }

  T* data() const { return data_; }
  T& operator[](size_t i) const { return data_[i]; }
  size_t bytes() const { return count_ * sizeof(T); }
  void Fill(const T& value) const { std::fill(data_, data_ + count_, value); }

 private:
  size_t count_;
  T* data_ = nullptr;
};

/// What tests of one emulator change, put back.
struct EmulatorSettings {
  ~EmulatorSettings() {
    emulator::SetSeed(1);
    emulator::SetMemory(size_t{1} << 30);
    emulator::SetLateStores(false);
    emulator::LoseStores(-1);
    emulator::SetMultiprocessors(4);
    emulator::ClearFailure();
    cudaGetLastError();
  }
};

}  // namespace bnlstm
