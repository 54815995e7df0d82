#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "emulator/random.h"
#include "emulator/state.h"

namespace bnlstm::emulator {
namespace {

/// Whether every node comes before the end of the stream that began the capture.
bool AllJoined(const Capture& capture) {
  std::vector<bool> joined(capture.nodes.size());
  for (const size_t last : capture.origin->last) joined[last] = true;
  for (size_t i = joined.size(); i > 0; --i) {
    if (!joined[i - 1]) return false;
    for (const size_t before : capture.nodes[i - 1].after) joined[before] = true;
  }
  return true;
}

}  // namespace

GraphRun::GraphRun(std::shared_ptr<const GraphNodes> nodes)
    : nodes_(std::move(nodes)), followers_(nodes_->size()) {
  for (size_t i = 0; i < nodes_->size(); ++i) {
    const std::vector<size_t>& after = (*nodes_)[i].after;
    waits_for_.push_back(after.size());
    for (const size_t before : after) followers_[before].push_back(i);
    if (after.empty()) ready_.push_back(i);
  }
}

void GraphRun::RunOne() {
  const auto chosen = ready_.begin() + static_cast<std::ptrdiff_t>(RandomBelow(ready_.size()));
  const size_t node = *chosen;
  ready_.erase(chosen);
  (*nodes_)[node].run();
  for (const size_t follower : followers_[node]) {
    if (--waits_for_[follower] == 0) ready_.push_back(follower);
  }
}

}  // namespace bnlstm::emulator

using bnlstm::emulator::AllJoined;
using bnlstm::emulator::Call;
using bnlstm::emulator::CallThatFrees;
using bnlstm::emulator::Capture;
using bnlstm::emulator::Contains;
using bnlstm::emulator::GraphNodes;
using bnlstm::emulator::GraphRun;
using bnlstm::emulator::Locked;
using bnlstm::emulator::State;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return Call([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) return cudaErrorIllegalState;
    stream->capture = std::make_shared<Capture>();
    stream->capture->origin = stream;
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    stream->last.clear();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  cudaGraph_t made = nullptr;
  const cudaError_t error = CallThatFrees([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture == nullptr) return cudaErrorIllegalState;
    if (stream->capture->origin != stream) return cudaErrorStreamCaptureUnmatched;
    if (stream->capture->mode != cudaStreamCaptureModeRelaxed &&
        stream->capture->thread != std::this_thread::get_id()) {
      return cudaErrorStreamCaptureWrongThread;
    }
    const std::shared_ptr<Capture> capture = stream->capture;
    for (const cudaStream_t each : state.streams) {
      if (each->capture == capture) each->capture = nullptr;
    }
    if (capture->invalidated) return cudaErrorStreamCaptureInvalidated;
    if (!AllJoined(*capture)) return cudaErrorStreamCaptureUnjoined;
    made = new CUgraph_st{std::move(capture->nodes)};
    state.graphs.push_back(made);
    return cudaSuccess;
  });
  if (error == cudaSuccess) {
    *graph = made;
  } else if (made != nullptr) {
    const Locked state;
    std::erase(state->graphs, made);
    delete made;
  }
  return error;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return Call([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    *status = stream->capture == nullptr     ? cudaStreamCaptureStatusNone
              : stream->capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                             : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags) {
  return Call([&](State& state) {
    if ((flags & ~cudaGraphInstantiateFlagUseNodePriority) != 0) return cudaErrorInvalidValue;
    if (!Contains(state.graphs, graph)) return cudaErrorInvalidValue;
    *exec = new CUgraphExec_st{std::make_shared<const GraphNodes>(graph->nodes)};
    state.execs.push_back(*exec);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  return Call([&](State& state) {
    const bool ok = Contains(state.execs, exec) && Contains(state.streams, stream);
    return ok ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return Call([&](State& state) {
    if (!Contains(state.execs, exec)) return cudaErrorInvalidValue;
    if (stream->capture != nullptr) return cudaErrorNotSupported;
    return state.Add(stream, {.graph = std::make_shared<GraphRun>(exec->nodes)});
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return CallThatFrees([&](State& state) {
    if (!Contains(state.execs, exec)) return cudaErrorInvalidValue;
    std::erase(state.execs, exec);
    delete exec;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return CallThatFrees([&](State& state) {
    if (!Contains(state.graphs, graph)) return cudaErrorInvalidValue;
    std::erase(state.graphs, graph);
    delete graph;
    return cudaSuccess;
  });
}
