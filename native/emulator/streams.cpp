#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "emulator/grid.h"
#include "emulator/settings.h"
#include "emulator/state.h"

using bnlstm::emulator::Call;
using bnlstm::emulator::CallThatFrees;
using bnlstm::emulator::Contains;
using bnlstm::emulator::EventRecord;
using bnlstm::emulator::State;

namespace {

/// For calls that wait for a stream: not while it is captured.
cudaError_t CheckIdle(State& state, cudaStream_t stream) {
  if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
  if (stream->capture == nullptr) return cudaSuccess;
  stream->capture->invalidated = true;
  return cudaErrorStreamCaptureUnsupported;
}

/// For calls that wait for an event: not if it was recorded in a capture.
cudaError_t CheckRecorded(State& state, cudaEvent_t event) {
  if (!Contains(state.events, event)) return cudaErrorInvalidResourceHandle;
  if (!event->captured) return cudaSuccess;
  if (const auto capture = event->capture.lock()) capture->invalidated = true;
  return cudaErrorCapturedEvent;
}

/// Of an event of a capture, which the stream joins unless it belongs to it already.
cudaError_t WaitInCapture(cudaStream_t stream, cudaEvent_t event) {
  const auto capture = event->capture.lock();
  if (capture == nullptr) return cudaErrorInvalidValue;  // it has ended
  if (stream->capture == nullptr) {
    stream->capture = capture;
    stream->last.clear();
  }
  if (stream->capture != capture) {
    capture->invalidated = stream->capture->invalidated = true;
    return cudaErrorStreamCaptureMerge;
  }
  for (const size_t node : event->last) {
    if (std::find(stream->last.begin(), stream->last.end(), node) == stream->last.end()) {
      stream->last.push_back(node);
    }
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return Call([&](State& state) {
    if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = new CUstream_st;
    state.streams.push_back(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return CallThatFrees([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    state.RunUntil([&] { return stream->queue.empty(); });
    std::erase(state.streams, stream);
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return Call([&](State& state) {
    const cudaError_t error = CheckIdle(state, stream);
    if (error == cudaSuccess) state.RunUntil([&] { return stream->queue.empty(); });
    return error;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return Call([&](State& state) {
    const cudaError_t error = CheckIdle(state, stream);
    if (error != cudaSuccess) return error;
    if (!stream->queue.empty()) state.RunSome();
    return stream->queue.empty() ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return Call([&](State& state) {
    if (!Contains(state.streams, stream) || !Contains(state.events, event)) {
      return cudaErrorInvalidResourceHandle;
    }
    if (event->captured) return WaitInCapture(stream, event);
    if (event->latest == nullptr) return cudaSuccess;
    if (stream->capture != nullptr) {
      stream->capture->invalidated = true;
      return cudaErrorStreamCaptureIsolation;
    }
    return state.Add(stream, {.wait = event->latest});
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return Call([&](State& state) {
    if (flags > (cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    *event = new CUevent_st;
    (*event)->timing = (flags & cudaEventDisableTiming) == 0;
    state.events.push_back(*event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return CallThatFrees([&](State& state) {
    if (!Contains(state.events, event)) return cudaErrorInvalidResourceHandle;
    std::erase(state.events, event);
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return Call([&](State& state) {
    if (!Contains(state.streams, stream) || !Contains(state.events, event)) {
      return cudaErrorInvalidResourceHandle;
    }
    event->captured = stream->capture != nullptr;
    event->capture = stream->capture;
    event->last = stream->last;
    event->latest = std::make_shared<EventRecord>();
    return state.Add(stream, {.record = event->latest});
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return Call([&](State& state) {
    const cudaError_t error = CheckRecorded(state, event);
    if (error != cudaSuccess || event->latest == nullptr) return error;
    if (!event->latest->done) state.RunSome();
    return event->latest->done ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return Call([&](State& state) {
    const cudaError_t error = CheckRecorded(state, event);
    if (error != cudaSuccess || event->latest == nullptr) return error;
    state.RunUntil([&] { return event->latest->done; });
    return cudaSuccess;
  });
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  return Call([&](State& state) {
    for (const cudaEvent_t event : {start, end}) {
      const cudaError_t error = CheckRecorded(state, event);
      if (error != cudaSuccess) return error;
      if (!event->timing || event->latest == nullptr) return cudaErrorInvalidResourceHandle;
    }
    if (!start->latest->done || !end->latest->done) return cudaErrorNotReady;
    const std::chrono::duration<float, std::milli> time = end->latest->time - start->latest->time;
    *ms = time.count();
    return cudaSuccess;
  });
}

namespace bnlstm::emulator {

cudaError_t Launch(cudaStream_t stream, int64_t blocks, int threads, size_t shared_bytes,
                   std::function<void()> body, Blocks promise) {
  return Call([&](State& state) {
    const bool together = promise == Blocks::kTogether;
    constexpr int64_t kMostBlocks = 0x7fffffff;
    if (blocks < 1 || blocks > kMostBlocks || threads < 1 || threads > kMostThreads) {
      return cudaErrorInvalidConfiguration;
    }
    if (shared_bytes > (together ? kMostShared : kMostSharedUnasked)) return cudaErrorInvalidValue;
    if (together && blocks > settings.multiprocessors) return cudaErrorCooperativeLaunchTooLarge;
    return state.Add(stream, {.run = [=, body = std::move(body)] {
                       RunGrid(blocks, threads, shared_bytes, body);
                     }});
  });
}

cudaError_t Enqueue(cudaStream_t stream, std::function<void()> work) {
  return Call([&](State& state) { return state.Add(stream, {.run = std::move(work)}); });
}

}  // namespace bnlstm::emulator
