#include "cuda/executable.h"

#include <utility>

#include "core/error.h"

namespace bnlstm::cuda {
namespace {

/// Inputs and outputs lie in a slot one after the other.
constexpr size_t kAlignment = 256;
size_t Aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

size_t SlotBytes(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads) {
  size_t bytes = 0;
  for (const Copy& copy : uploads) bytes += Aligned(copy.bytes);
  for (const Copy& copy : downloads) bytes += Aligned(copy.bytes);
  return bytes;
}

void CopyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (bytes > 0) Check(cudaMemcpyAsync(to, from, bytes, kind, stream), "cudaMemcpyAsync");
}

}  // namespace

void ReserveSlots(Queue& queue, const std::vector<size_t>& copies) {
  size_t bytes = 0;
  for (const size_t each : copies) bytes += Aligned(each);
  const std::lock_guard lock(queue.mutex);
  queue.Use();
  queue.Reserve(0, bytes);
}

GraphExecutable::GraphExecutable(std::shared_ptr<Queue> queue, std::vector<Call> calls)
    : queue_(std::move(queue)), calls_(std::move(calls)) {
  size_t workspace_bytes = 0;
  bool overlaps = false;
  for (const Call& call : calls_) {
    workspace_bytes = std::max(workspace_bytes, call.workspace_bytes);
    overlaps = overlaps || call.overlaps;
  }
  const std::lock_guard lock(queue_->mutex);
  queue_->Use();
  if (overlaps) queue_->MakeBeside();
  queue_->Reserve(workspace_bytes, 0);
  Capture();
}

GraphExecutable::~GraphExecutable() {
  if (graph_) cudaGraphExecDestroy(graph_);
}

void GraphExecutable::Enqueue(const Call& call) const {
  try {
    call.enqueue(queue_->context());
  } catch (const Error& error) {
    throw Error(error.code(), "op '" + call.name + "': " + error.what());
  } catch (const std::exception& error) {
    throw Error(kInternal, "internal error: op '" + call.name + "': " + error.what());
  }
}

void GraphExecutable::Capture() {
  workspace_ = queue_->context().workspace;
  // Relaxed: a library may load code at its first use, which other modes forbid while capturing.
  Check(cudaStreamBeginCapture(queue_->record, cudaStreamCaptureModeRelaxed),
        "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  try {
    for (const Call& call : calls_) Enqueue(call);
  } catch (...) {
    cudaStreamEndCapture(queue_->record, &graph);
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();  // streams that have not been joined are an error, of which nobody is to hear
    throw;
  }
  Check(cudaStreamEndCapture(queue_->record, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t made = nullptr;
  // Each node by the priority of the stream that it was captured from.
  const cudaError_t error =
      cudaGraphInstantiate(&made, graph, cudaGraphInstantiateFlagUseNodePriority);
  cudaGraphDestroy(graph);
  Check(error, "cudaGraphInstantiate");
  try {  // or its first launch would take memory, and might find none
    Check(cudaGraphUpload(made, queue_->record), "cudaGraphUpload");
    queue_->record.Synchronize();
  } catch (...) {
    cudaGraphExecDestroy(made);
    throw;
  }
  if (graph_) cudaGraphExecDestroy(std::exchange(graph_, nullptr));
  graph_ = made;
}

void GraphExecutable::Launch() {
  if (workspace_ != queue_->context().workspace) Capture();  // another program made it grow
  Check(cudaGraphLaunch(graph_, queue_->compute), "cudaGraphLaunch");
}

void GraphExecutable::RunTimed(std::vector<double>* seconds) {
  queue_->compute.Synchronize();
  std::vector<EventHandle> events(calls_.size() + 1);
  events[0].Record(queue_->record);
  for (size_t i = 0; i < calls_.size(); ++i) {
    Enqueue(calls_[i]);
    events[i + 1].Record(queue_->record);
  }
  queue_->record.Synchronize();
  queue_->CheckWaits();
  seconds->clear();
  for (size_t i = 0; i < calls_.size(); ++i) {
    float milliseconds = 0;
    Check(cudaEventElapsedTime(&milliseconds, events[i], events[i + 1]), "cudaEventElapsedTime");
    seconds->push_back(1e-3 * milliseconds);
  }
}

template <class Body>
void GraphExecutable::Alone(const Body& body) {
  queue_->Guard([&] {
    const std::lock_guard lock(queue_->mutex);
    queue_->Use();
    body();
  });
}

void GraphExecutable::Run(const RunContext& context) {
  Alone([&] {
    if (context.op_seconds) return RunTimed(context.op_seconds);
    Launch();
    queue_->compute.Synchronize();
    queue_->CheckWaits();
  });
}

double GraphExecutable::TimedRun(const RunContext&) {
  float milliseconds = 0;
  Alone([&] {
    const EventHandle began, ended;
    queue_->ClearCache();
    began.Record(queue_->compute);
    Launch();
    ended.Record(queue_->compute);
    queue_->compute.Synchronize();
    Check(cudaEventElapsedTime(&milliseconds, began, ended), "cudaEventElapsedTime");
    queue_->CheckWaits();
  });
  return 1e-3 * milliseconds;
}

void GraphExecutable::Start(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads,
                            const RunContext& context) {
  Alone([&] { Enqueue(uploads, downloads, context); });
}

void GraphExecutable::Enqueue(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads,
                              const RunContext& context) {
  queue_->Reserve(0, SlotBytes(uploads, downloads));
  Queue::Slot& slot = queue_->Take();
  std::byte* place = slot.memory.data();
  for (const Copy& copy : uploads) {
    CopyAsync(place, copy.host, copy.bytes, cudaMemcpyHostToDevice, queue_->up);
    place += Aligned(copy.bytes);
  }
  slot.uploaded.Record(queue_->up);
  slot.uploaded.Precede(queue_->compute);
  place = slot.memory.data();
  for (const Copy& copy : uploads) {
    CopyAsync(copy.device, place, copy.bytes, cudaMemcpyDeviceToDevice, queue_->compute);
    place += Aligned(copy.bytes);
  }
  std::byte* const results = place;
  if (context.op_seconds) {
    RunTimed(context.op_seconds);
  } else {
    Launch();
  }
  for (const Copy& copy : downloads) {
    CopyAsync(place, copy.device, copy.bytes, cudaMemcpyDeviceToDevice, queue_->compute);
    place += Aligned(copy.bytes);
  }
  slot.computed.Record(queue_->compute);
  slot.computed.Precede(queue_->down);
  place = results;
  for (const Copy& copy : downloads) {
    CopyAsync(copy.host, place, copy.bytes, cudaMemcpyDeviceToHost, queue_->down);
    place += Aligned(copy.bytes);
  }
  slot.done.Record(queue_->down);
}

bool GraphExecutable::Ended() { return queue_->Oldest().done.Ended(); }

void GraphExecutable::Finish() {
  const Queue::Slot& slot = queue_->Release();
  queue_->Guard([&] {
    queue_->Use();
    slot.done.Synchronize();  // not under the mutex: it may take as long as the program does
    queue_->CheckWaits();
  });
}

}  // namespace bnlstm::cuda
