#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/op.h"

namespace bnlstm {

/// Bytes of the blobs that only the engine can read. `saved` lives from forward to backward and
/// `scratch` during the op, both in the arena; `packed` belongs to the network.
struct OpSizes {
  size_t saved = 0;
  size_t scratch = 0;
  size_t packed = 0;
};

/// Which of an engine's ways to compute an op it takes, and why that one: words for users.
struct OpPlan {
  std::string name, why;
};

/// Of a device, in bytes. `free` is what an allocation may hope for now; 0 and 0: not known.
struct DeviceMemory {
  size_t free = 0, total = 0;
};

/// What a run may be told from outside.
struct RunContext {
  int threads = 0;                               // at most this many; 0: the engine's choice
  const std::atomic<bool>* cancelled = nullptr;  // set at disposal: long ops return early
  std::vector<double>* op_seconds = nullptr;     // not null: gets the time of each op, in order
};

/// A copy between staging memory and the device that belongs to a run.
struct Copy {
  void* device = nullptr;
  void* host = nullptr;
  size_t bytes = 0;
};

/// A program bound to memory. The CPU replays a list; CUDA replays a captured graph.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Runs every op in order, blocking. Throws Error with the name of the op that failed. Returns
  /// early, leaving its outputs undefined, once `cancelled` is set. With `op_seconds`, an op's time
  /// is its own: on a device that runs behind the host, the device's clock between events around it.
  virtual void Run(const RunContext& context) = 0;
  /// Runs once, for a benchmark: returns the seconds from the first op to the end of the last. A
  /// device with a clock of its own asks that, and first drives what the ops will read out of its
  /// caches.
  virtual double TimedRun(const RunContext& context) {
    const auto began = std::chrono::steady_clock::now();
    Run(context);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

  /// Starts a whole run: the uploads, every op, the downloads. A device that runs behind the host
  /// returns at once; at most InFlight() runs of an engine are started and not finished. Here: what an
  /// engine does whose memory is the host's.
  virtual void Start(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads,
                     const RunContext& context) {
    for (const Copy& copy : uploads) std::memcpy(copy.device, copy.host, copy.bytes);
    Run(context);
    if (context.cancelled && *context.cancelled) return;
    for (const Copy& copy : downloads) std::memcpy(copy.host, copy.device, copy.bytes);
  }
  /// Whether the oldest run that was started and not finished has ended: Finish would not wait. Does not
  /// throw: what went wrong, Finish tells.
  virtual bool Ended() { return true; }
  /// Waits for that run. Throws what went wrong in it.
  virtual void Finish() {}
};

/// An implementation of all ops on one kind of device, with its memory.
class Engine {
 public:
  virtual ~Engine() = default;
  /// The device's full name: `cpu:portable`, `cuda:0`.
  virtual std::string name() const = 0;
  /// Blob sizes of an op whose operands carry shapes but no memory.
  virtual OpSizes Sizes(const OpArguments& op) const = 0;
  /// How it would compute such an op: a function of shapes, options and device alone.
  virtual OpPlan Plan(const OpArguments& op) const = 0;
  /// Throws kUnsupported by the op's name for an op that this engine lacks.
  virtual std::unique_ptr<Executable> Compile(const std::vector<OpArguments>& ops) const = 0;

  virtual DeviceMemory Memory() const { return {}; }
  /// Makes room for what the runs of a program copy in and out, of so many bytes each: Start need not
  /// allocate then. Throws kOutOfMemory with nothing changed.
  virtual void Reserve(const std::vector<size_t>& /*copies*/) const {}
  /// Zeroed, aligned to 64 bytes. Throws kOutOfMemory.
  virtual void* Allocate(size_t bytes) const = 0;
  virtual void Free(void* memory, size_t bytes) const = 0;
  virtual void Upload(void* device, const void* host, size_t bytes) const = 0;
  virtual void Download(void* host, const void* device, size_t bytes) const = 0;

  /// How many runs may be started before the oldest is finished. With two, the next one's inputs are
  /// on their way while one computes.
  virtual size_t InFlight() const { return 1; }
  /// Memory of the host for copies to and from the device: such as the device reaches by itself.
  virtual void* AllocateStaging(size_t bytes) const { return ::operator new(bytes); }
  virtual void FreeStaging(void* memory) const { ::operator delete(memory); }
};

}  // namespace bnlstm
