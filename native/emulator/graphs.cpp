#include <memory>
#include <thread>
#include <utility>

#include "emulator/state.h"

using bnlstm::emulator::Call;
using bnlstm::emulator::CallThatFrees;
using bnlstm::emulator::Capture;
using bnlstm::emulator::Contains;
using bnlstm::emulator::GraphNodes;
using bnlstm::emulator::Locked;
using bnlstm::emulator::State;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return Call([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) return cudaErrorIllegalState;
    stream->capture = std::make_unique<Capture>();
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  cudaGraph_t made = nullptr;
  const cudaError_t error = CallThatFrees([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture == nullptr) return cudaErrorIllegalState;
    if (stream->capture->mode != cudaStreamCaptureModeRelaxed &&
        stream->capture->thread != std::this_thread::get_id()) {
      return cudaErrorStreamCaptureWrongThread;
    }
    const std::unique_ptr<Capture> capture = std::move(stream->capture);
    if (capture->invalidated) return cudaErrorStreamCaptureInvalidated;
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

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return Call([&](State& state) {
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
    return state.Add(stream, {.graph = exec->nodes});
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
