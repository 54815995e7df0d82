#pragma once

#include <string>
#include <vector>

namespace bnlstm::cuda {

/// One LSTM layer of cuDNN, one direction, two bias vectors (as PyTorch has it).
struct CudnnLstmSettings {
  int device = 0;
  std::string algorithm;  // standard, persist-static, persist-dynamic, persist-static-small-h
  std::string dtype;      // f32, tf32, f16, bf16
  int steps = 0, batch = 0, features = 0, hidden = 0;
  int runs = 0;  // measured ones
};

/// Milliseconds of each run, between CUDA events, with cold caches. `forward` is that of training;
/// `train` has the backward pass too, with the gradients of x, both states and all weights.
struct CudnnLstmTimes {
  std::string version, path;  // of the library
  std::string refused;        // cuDNN does not serve these settings: what it said, and no times
  double error = 0;           // of the check, relative: see TimeCudnnLstm
  std::vector<float> forward, train;
  /// The same replayed as a CUDA graph: without the time in which the host launches kernels. Empty
  /// where a layer cannot be captured.
  std::vector<float> forward_graph, train_graph;
};

/// Runs cuDNN's LSTM and times it. First a small layer of the same algorithm and type is compared
/// with the equations in double: results that are off, or not finite, throw kInternal and are not
/// timed. Throws kDevice where cuDNN is not found, kArgument for unknown names, kUnsupported in a
/// build for the emulator. Blocks the thread, and the device has nothing else to do meanwhile.
CudnnLstmTimes TimeCudnnLstm(const CudnnLstmSettings& settings);

}  // namespace bnlstm::cuda
