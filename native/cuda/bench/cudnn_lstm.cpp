#include "cuda/bench/cudnn_lstm.h"

#include "core/error.h"

#ifdef BNLSTM_EMULATOR

namespace bnlstm::cuda {

CudnnLstmTimes TimeCudnnLstm(const CudnnLstmSettings&) {
  throw Error(kUnsupported, "cuDNN needs a GPU, and this build is for the emulator");
}

}  // namespace bnlstm::cuda

#else

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "cuda/bench/cudnn_layer.h"
#include "cuda/bench/lstm_reference.h"

namespace bnlstm::cuda {
namespace {

constexpr int kWarmUps = 3;

/// The norm of the difference by that of `want`.
double Distance(const std::vector<double>& got, size_t first, const std::vector<double>& want) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double d = got[first + i] - want[i];
    difference += d * d;
    norm += want[i] * want[i];
  }
  return std::sqrt(difference / norm);
}

LstmReference ReferenceOf(const CudnnLayer& layer, const CudnnLstmSettings& s,
                          const std::vector<CudnnLayer::Place>& places) {
  LstmReference reference;
  const auto size = [](int extent) { return static_cast<size_t>(extent); };
  reference.steps = size(s.steps), reference.batch = size(s.batch);
  reference.features = size(s.features), reference.hidden = size(s.hidden);
  reference.x = layer.x.Download();
  reference.h0 = layer.h0.Download(), reference.c0 = layer.c0.Download();
  reference.dy = layer.dy.Download();
  reference.dh_last = layer.dh_last.Download(), reference.dc_last = layer.dc_last.Download();
  const std::vector<double> weights = layer.weights.Download();
  const auto slice = [&](size_t first, size_t count) {
    const auto begin = weights.begin() + static_cast<std::ptrdiff_t>(first);
    return std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  for (size_t q = 0; q < 4; ++q) {
    reference.w[q] = slice(places[q].matrix, reference.hidden * reference.features);
    reference.r[q] = slice(places[q + 4].matrix, reference.hidden * reference.hidden);
    reference.b[q] = slice(places[q].bias, reference.hidden);
    const std::vector<double> other = slice(places[q + 4].bias, reference.hidden);
    for (size_t u = 0; u < reference.hidden; ++u) reference.b[q][u] += other[u];
  }
  reference.Run();
  return reference;
}

/// The largest distance of any result of a small layer from the equations; NaN if one is NaN.
double CheckSmallLayer(const CudnnHandle& context, const CudnnLstmSettings& settings) {
  CudnnLstmSettings small = settings;
  small.steps = 6, small.batch = 16, small.features = small.hidden = 128;
  CudnnLayer layer(context, small);
  layer.Forward();
  layer.Backward();
  Check(cudaStreamSynchronize(context.stream()), "cudaStreamSynchronize");
  std::vector<CudnnLayer::Place> places;
  for (int map = 0; map < 8; ++map) places.push_back(layer.PlaceOf(map));
  const LstmReference want = ReferenceOf(layer, small, places);

  double worst = 0;
  const auto compare = [&](const std::vector<double>& got, size_t first,
                           const std::vector<double>& expected) {
    const double distance = Distance(got, first, expected);
    if (!(distance <= worst)) worst = distance;  // a NaN stays: no comparison with it is true
  };
  const size_t state = want.batch * want.hidden;
  const auto from = [&](const std::vector<double>& all, size_t step) {
    return std::vector<double>(all.begin() + static_cast<std::ptrdiff_t>(step * state), all.end());
  };
  compare(layer.y.Download(), 0, from(want.h, 1));
  compare(layer.h_last.Download(), 0, from(want.h, want.steps));
  compare(layer.c_last.Download(), 0, from(want.c, want.steps));
  compare(layer.dx.Download(), 0, want.dx);
  compare(layer.dh0.Download(), 0, want.dh0);
  compare(layer.dc0.Download(), 0, want.dc0);
  const std::vector<double> dweights = layer.dweights.Download();
  for (size_t q = 0; q < 4; ++q) {
    compare(dweights, places[q].matrix, want.dw[q]);
    compare(dweights, places[q + 4].matrix, want.dr[q]);
    compare(dweights, places[q].bias, want.db[q]);
    compare(dweights, places[q + 4].bias, want.db[q]);
  }
  return worst;
}

/// CheckSmallLayer, once per process for each algorithm and type.
double CheckedError(const CudnnHandle& context, const CudnnLstmSettings& settings) {
  static std::map<std::pair<std::string, std::string>, double> known;
  const auto key = std::pair(settings.algorithm, settings.dtype);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, CheckSmallLayer(context, settings)).first;
  const double error = found->second;
  if (!(error <= FindCudnnType(settings.dtype).tolerance)) {
    throw Error(kInternal, "cuDNN's LSTM (" + settings.algorithm + ", " + settings.dtype +
                               ") is off by " + std::to_string(error) +
                               " from the equations: its times would mean nothing");
  }
  return error;
}

/// Memory that is written between runs, larger than the cache: then no run finds its inputs there.
class CacheFlush {
 public:
  explicit CacheFlush(int device) {
    int cache = 0;
    Check(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, device), "cudaDeviceGetAttribute");
    bytes_ = size_t{2} * static_cast<size_t>(cache);
    Check(cudaMalloc(&memory_, bytes_), "cudaMalloc");
  }
  CacheFlush(const CacheFlush&) = delete;
  CacheFlush& operator=(const CacheFlush&) = delete;
  ~CacheFlush() { cudaFree(memory_); }

  void Enqueue(cudaStream_t stream) const {
    Check(cudaMemsetAsync(memory_, 0, bytes_, stream), "cudaMemsetAsync");
  }

 private:
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

class Stopwatch {
 public:
  Stopwatch(cudaStream_t stream, int device, int runs)
      : stream_(stream), flush_(device), runs_(runs) {
    for (cudaEvent_t& event : events_) Check(cudaEventCreate(&event), "cudaEventCreate");
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    for (cudaEvent_t event : events_) cudaEventDestroy(event);
  }

  std::vector<float> Time(const std::function<void()>& enqueue) const {
    std::vector<float> milliseconds;
    for (int run = -kWarmUps; run < runs_; ++run) {
      flush_.Enqueue(stream_);
      Check(cudaEventRecord(events_[0], stream_), "cudaEventRecord");
      enqueue();
      Check(cudaEventRecord(events_[1], stream_), "cudaEventRecord");
      Check(cudaEventSynchronize(events_[1]), "cudaEventSynchronize");
      float time = 0;
      Check(cudaEventElapsedTime(&time, events_[0], events_[1]), "cudaEventElapsedTime");
      if (run >= 0) milliseconds.push_back(time);
    }
    return milliseconds;
  }

  /// The same as one CUDA graph; empty where it cannot be captured.
  std::vector<float> TimeGraph(const std::function<void()>& enqueue) const {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t replay = nullptr;
    Check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "begin capture");
    bool captured = true;
    try {
      enqueue();
    } catch (const Refusal&) {
      captured = false;
    } catch (const Error&) {
      captured = false;
    }
    captured = cudaStreamEndCapture(stream_, &graph) == cudaSuccess && captured;
    captured = captured && cudaGraphInstantiate(&replay, graph, 0) == cudaSuccess;
    std::vector<float> milliseconds;
    if (captured) {
      milliseconds = Time([&] { Check(cudaGraphLaunch(replay, stream_), "cudaGraphLaunch"); });
      cudaGraphExecDestroy(replay);
    }
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();  // of a capture that failed; the next checked call would report it
    return milliseconds;
  }

 private:
  cudaStream_t stream_;
  CacheFlush flush_;
  int runs_;
  cudaEvent_t events_[2] = {};
};

/// What carries the results of all steps: a kernel that gave up has left NaN there.
void CheckFinite(const CudnnLayer& layer) {
  for (const CudnnArray* array :
       {&layer.h_last, &layer.c_last, &layer.dh0, &layer.dc0, &layer.dweights}) {
    for (const double value : array->Download()) {
      if (!std::isfinite(value)) {
        throw Error(kInternal, "cuDNN's LSTM has left a result that is not finite: not timed");
      }
    }
  }
}

void Measure(const CudnnLstmSettings& settings, CudnnLstmTimes& times) {
  const CudnnHandle context;
  times.version = std::to_string(context.functions().GetVersion());
  times.path = cudnn::Find().path;
  times.error = CheckedError(context, settings);
  CudnnLayer layer(context, settings);
  const auto forward = [&] { layer.Forward(); };
  const auto train = [&] {
    layer.Forward();
    layer.Backward();
  };
  train();
  Check(cudaStreamSynchronize(context.stream()), "cudaStreamSynchronize");
  CheckFinite(layer);
  const Stopwatch stopwatch(context.stream(), settings.device, settings.runs);
  times.forward = stopwatch.Time(forward);
  times.train = stopwatch.Time(train);
  times.forward_graph = stopwatch.TimeGraph(forward);
  times.train_graph = stopwatch.TimeGraph(train);
}

}  // namespace

CudnnLstmTimes TimeCudnnLstm(const CudnnLstmSettings& settings) {
  FindCudnnType(settings.dtype);
  FindCudnnAlgorithm(settings.algorithm);
  Check(cudaSetDevice(settings.device), "cudaSetDevice");
  CudnnLstmTimes times;
  try {
    Measure(settings, times);
  } catch (const Refusal& refusal) {
    times.refused = refusal.what;
    cudaGetLastError();  // what cuDNN has tried and given up is no error of the next call
  }
  return times;
}

}  // namespace bnlstm::cuda

#endif
