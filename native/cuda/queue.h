#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "core/engine.h"
#include "cuda/blas.h"
#include "cuda/handles.h"

namespace bnlstm::cuda {

/// The CUDA streams of one engine, and the memory that its programs share while they run: a
/// workspace for ops, and a slot for each run in flight through which inputs and outputs pass, so
/// that copies and computing overlap.
///
///     up       inputs, from the host to a slot       waits for nothing (the slot is free)
///     compute  slot to arena, the ops, arena to slot waits for up
///     down     outputs, from a slot to the host      waits for compute
///
/// Programs are made on the owner's thread while others run on the engine's: both hold `mutex`
/// while they enqueue or change what is shared.
class Queue {
 public:
  static constexpr size_t kSlots = 2;

  struct Slot {
    EventHandle uploaded{cudaEventDisableTiming}, computed{cudaEventDisableTiming},
        done{cudaEventDisableTiming | cudaEventBlockingSync};  // runs may be long: no spinning
    Buffer memory;
  };

  /// Throws kDevice where the device cannot be used.
  Queue(int device, bool tf32);
  ~Queue() { cudaSetDevice(device_); }  // what is destroyed now is that device's

  /// Before any other call on a thread: the device that it speaks of.
  void Use() const { Check(cudaSetDevice(device_), "cudaSetDevice"); }
  int device() const { return device_; }
  const DeviceFacts& facts() const { return facts_; }

  DeviceMemory Memory();
  /// Zeroed. Throws kOutOfMemory with the bytes that were needed and that are free.
  void* Allocate(size_t bytes);
  void Free(void* memory);
  void Upload(void* device, const void* host, size_t bytes);
  void Download(void* host, const void* device, size_t bytes);

  /// Makes what is shared at least as large. Waits for what is in flight if it has to grow.
  void Reserve(size_t workspace_bytes, size_t slot_bytes);

  /// Calls body. Where it throws, all that was enqueued has ended: nobody else waits for what has
  /// failed, and the memory that it uses may go at once. Never under `mutex`: it is taken then, as
  /// waiting for a stream that another thread captures would end that capture.
  template <class Body>
  void Guard(const Body& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex);
      Drain();
      throw;
    }
  }

  /// Makes the context beside that of ops, if there is none yet: its cuBLAS has a workspace of its own.
  void MakeBeside();

  /// After a run has ended: throws kDevice where a grid has given up, of it or of any other.
  void CheckWaits() const;

  /// Writes more on `compute` than the second-level cache holds.
  void ClearCache();

  /// Where ops are enqueued: on `record`, captured or one by one.
  Context context() const;

  /// The slot of the next run, which becomes in flight.
  Slot& Take();
  /// The slot of the oldest run in flight.
  const Slot& Oldest() const { return slots_[released_ % kSlots]; }
  /// The same, whose run ends with this.
  Slot& Release();

 private:
  const int device_;  // first: it is selected before the streams are made

 public:
  std::mutex mutex;
  const StreamHandle compute, up, down;
  const StreamHandle record;  // comes first: steps do not wait for what is beside them

 private:
  struct Beside {
    Blas blas;
    Context context;
    Beside(const Context& of_ops, cudaStream_t stream, bool tf32)
        : blas(stream, tf32), context(of_ops) {
      context.stream = stream;
      context.blas = &blas;
      context.workspace = nullptr;  // the other's
    }
  };

  void Wait() const;
  void Drain() const;  // ignores errors
  Buffer NewMemory(size_t bytes);

  const DeviceFacts facts_;
  const StreamHandle
      memory_;  // of allocations: never captured, and nothing waits for programs there
  Blas blas_;
  const StreamHandle beside_stream_;
  std::optional<Beside> beside_;
  const PinnedFlag gave_up_;
  Buffer workspace_, cache_;  // cache_: made when it is first cleared
  Slot slots_[kSlots];
  size_t taken_ = 0, released_ = 0;
};

}  // namespace bnlstm::cuda
