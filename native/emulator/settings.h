#pragma once

#include <cstddef>
#include <cstdint>

#include "emulator/runtime.h"

namespace bnlstm::emulator {

// Of the device, as of one of compute capability 8.0.
constexpr int kMostThreads = 1024;  // of a block
constexpr int kThreadsOfMultiprocessor = 2048;
constexpr size_t kSharedOfMultiprocessor = 164 << 10;
constexpr size_t kMostShared = 163 << 10;  // of a block that asked for so much
constexpr size_t kMostSharedUnasked = 48 << 10;

/// See control.h. Guarded by the emulator's lock.
struct Settings {
  uint64_t seed = 1;
  size_t memory = size_t{1} << 30;
  bool late_stores = false;
  int64_t lost_block = -1;
  int multiprocessors = 4;
  int64_t failing_call = 0;  // counted as `calls`; 0: none
  cudaError_t failure = cudaSuccess;
  bool sticky = false;
  int64_t calls = 0;
  cudaError_t lost = cudaSuccess;  // the sticky error that has happened
};
extern Settings settings;

/// Once per process.
void ReadEnvironment();

}  // namespace bnlstm::emulator
