#include "emulator/state.h"

#include <algorithm>
#include <utility>

#include "emulator/fail.h"
#include "emulator/random.h"
#include "emulator/settings.h"

namespace bnlstm::emulator {
namespace {

// Never destroyed: threads may outlive what is static.
State& State_() {
  static State* const state = [] {
    ReadEnvironment();
    return new State;
  }();
  return *state;
}

thread_local cudaError_t last_error = cudaSuccess;

bool Ready(const CUstream_st& stream) {
  if (stream.queue.empty()) return false;
  const Work& first = stream.queue.front();
  return first.wait == nullptr || first.wait->done;
}

/// The first of its queue, or one node of it where that is a graph.
void RunFirst(CUstream_st& stream) {
  Work& first = stream.queue.front();
  if (first.graph != nullptr && !first.graph->ended()) {
    first.graph->RunOne();
    if (!first.graph->ended()) return;
  }
  if (first.run) first.run();
  if (first.record != nullptr) {
    first.record->done = true;
    first.record->time = std::chrono::steady_clock::now();
  }
  stream.queue.pop_front();
}

}  // namespace

Locked::Locked() : lock_(State_().mutex) {}
State* Locked::operator->() const { return &State_(); }
State& Locked::operator*() const { return State_(); }

cudaError_t Enter(State& state) {
  const bool fails = ++settings.calls == settings.failing_call;
  if (settings.lost != cudaSuccess) return settings.lost;
  if (!fails) return cudaSuccess;
  if (settings.sticky) {
    settings.lost = settings.failure;
    state.DropAll();
  }
  return settings.failure;
}

bool IsLost() { return settings.lost != cudaSuccess; }

cudaError_t Leave(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

bool State::RunSome() {
  std::vector<cudaStream_t> ready;
  for (const cudaStream_t stream : streams) {
    if (Ready(*stream)) ready.push_back(stream);
  }
  if (ready.empty()) return false;
  RunFirst(*ready[RandomBelow(ready.size())]);
  return true;
}

void State::RunUntil(const std::function<bool()>& done) {
  while (!done()) {
    if (!RunSome()) Fail("streams wait for each other");
    // Calls of other threads may come in between, as they do where a device works for itself.
    mutex.unlock();
    mutex.lock();
  }
}

void State::RunAll() {
  while (RunSome()) {
  }
}

void State::DropAll() {
  for (const cudaStream_t stream : streams) {
    for (const Work& work : stream->queue) {
      if (work.record != nullptr) work.record->done = true;
    }
    stream->queue.clear();
  }
  heap.FreeDevice();
}

cudaError_t State::Add(cudaStream_t stream, Work work) {
  if (!Contains(streams, stream)) return cudaErrorInvalidResourceHandle;
  if (stream->capture == nullptr) {
    stream->queue.push_back(std::move(work));
    return cudaSuccess;
  }
  Capture& capture = *stream->capture;
  if (capture.invalidated) return cudaErrorStreamCaptureInvalidated;
  if (!work.run) return cudaSuccess;
  capture.nodes.push_back({std::move(work.run), stream->last});
  stream->last = {capture.nodes.size() - 1};
  return cudaSuccess;
}

cudaError_t State::RefuseInCapture() {
  cudaError_t error = cudaSuccess;
  const std::thread::id self = std::this_thread::get_id();
  for (const cudaStream_t stream : streams) {
    Capture* const capture = stream->capture.get();
    if (capture == nullptr || capture->mode == cudaStreamCaptureModeRelaxed) continue;
    if (capture->mode == cudaStreamCaptureModeThreadLocal && capture->thread != self) continue;
    capture->invalidated = true;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

}  // namespace bnlstm::emulator

using bnlstm::emulator::last_error;
using bnlstm::emulator::Locked;
using bnlstm::emulator::settings;

cudaError_t cudaGetLastError() {
  const Locked state;
  const cudaError_t error = settings.lost != cudaSuccess ? settings.lost : last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  const Locked state;
  return settings.lost != cudaSuccess ? settings.lost : last_error;
}
