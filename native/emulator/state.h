#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "emulator/runtime.h"

namespace bnlstm::emulator {

/// Runs after the nodes `after`, all of which come before it in the graph.
struct GraphNode {
  std::function<void()> run;
  std::vector<size_t> after;
};
using GraphNodes = std::vector<GraphNode>;

/// One launch of a graph: its nodes in any order that what they come after allows.
class GraphRun {
 public:
  explicit GraphRun(std::shared_ptr<const GraphNodes> nodes);
  bool ended() const { return ready_.empty(); }
  void RunOne();

 private:
  std::shared_ptr<const GraphNodes> nodes_;
  std::vector<size_t> waits_for_;  // so many that have not run
  std::vector<std::vector<size_t>> followers_;
  std::vector<size_t> ready_;
};

/// One recording of an event.
struct EventRecord {
  bool done = false;
  std::chrono::steady_clock::time_point time;
};

/// What stands in a stream's queue: one of these.
struct Work {
  std::function<void()> run = {};
  std::shared_ptr<EventRecord> record = {}, wait = {};
  std::shared_ptr<GraphRun> graph = {};
};

/// Of the stream that began it, and of all that have joined it by waiting for its events.
struct Capture {
  GraphNodes nodes;
  cudaStream_t origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool invalidated = false;
};

/// Memory of the device, and of the host where it is pinned.
class Heap {
 public:
  struct Piece {
    size_t bytes = 0;
    bool pinned = false;   // of the host
    bool leaving = false;  // a free of it is in some queue
  };
  enum class Place { kDevice, kPinned, kPageable };

  size_t in_use = 0, pinned = 0;  // bytes of the device; of the host

  /// Null if the device has not so much left. Full of 0xff, as is what is freed.
  void* Allocate(size_t bytes, bool on_host);
  void Free(void* memory);
  void FreeDevice();  // all of it
  /// The one that begins here, null if none does.
  Piece* Find(void* memory);
  /// False where part of the range is outside what it begins in.
  bool Locate(const void* memory, size_t bytes, Place* place);

 private:
  std::map<std::byte*, Piece> pieces_;
};

/// All that the emulated device holds. Work runs only when a call must wait for some.
struct State {
  std::mutex mutex;
  Heap heap;
  std::vector<cudaStream_t> streams;  // in the order of their creation
  std::vector<cudaEvent_t> events;
  std::vector<cudaGraph_t> graphs;
  std::vector<cudaGraphExec_t> execs;

  bool RunSome();  // one piece of work, of any stream that has some; false if there is none
  void RunUntil(const std::function<bool()>& done);
  void RunAll();
  void DropAll();  // as when the device is lost
  cudaError_t Add(cudaStream_t stream, Work work);
  /// A call that might wait for the device, which captures forbid: they become invalid.
  cudaError_t RefuseInCapture();
};

/// The lock, and what it guards.
class Locked {
 public:
  Locked();
  State* operator->() const;
  State& operator*() const;

 private:
  std::lock_guard<std::mutex> lock_;
};

/// Counts a call, and gives the error that it is to fail with.
cudaError_t Enter(State& state);
bool IsLost();
/// Notes an error for cudaGetLastError.
cudaError_t Leave(cudaError_t error);

/// The form of every function of the API.
template <class Body>
cudaError_t Call(const Body& body) {
  const Locked state;
  cudaError_t error = Enter(*state);
  if (error == cudaSuccess) error = body(*state);
  return Leave(error);
}

/// The form of those that free: one that fails, but for a device that is lost, has freed all the
/// same, as CUDA's do when they report an earlier error.
template <class Body>
cudaError_t CallThatFrees(const Body& body) {
  const Locked state;
  const cudaError_t error = Enter(*state);
  const bool lost = IsLost();
  const cudaError_t own = lost ? error : body(*state);
  return Leave(error != cudaSuccess ? error : own);
}

template <class Handle>
bool Contains(const std::vector<Handle>& all, Handle one) {
  for (const Handle& each : all) {
    if (each == one) return true;
  }
  return false;
}

}  // namespace bnlstm::emulator

struct CUstream_st {
  std::deque<bnlstm::emulator::Work> queue;
  std::shared_ptr<bnlstm::emulator::Capture> capture;
  std::vector<size_t> last;  // nodes of the capture that what comes next runs after
};
struct CUevent_st {
  std::shared_ptr<bnlstm::emulator::EventRecord> latest;  // null before the first
  bool timing = true;
  // Of the capture in which it was recorded last: its nodes that come before.
  std::weak_ptr<bnlstm::emulator::Capture> capture;
  std::vector<size_t> last;
  bool captured = false;
};
struct CUgraph_st {
  bnlstm::emulator::GraphNodes nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const bnlstm::emulator::GraphNodes> nodes;
};
