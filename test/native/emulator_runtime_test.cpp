#include <set>
#include <thread>
#include <vector>

#include "emulator_fixture.h"

// The host's side: streams, events, graphs, memory, errors.
namespace bnlstm {
namespace {

constexpr auto kToDevice = cudaMemcpyHostToDevice;
constexpr auto kToHost = cudaMemcpyDeviceToHost;

/// A kernel of one thread.
template <class Body>
void Do(const EmulatorStream& stream, Body body) {
  stream.Launch(1, 1, 0, body);
}

class Event {
 public:
  Event() { CHECK_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDefault)); }
  ~Event() { cudaEventDestroy(event_); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

TEST(EmulatorStreamsRunWhenAwaited) {
  const EmulatorStream stream;
  int done = 0;
  Do(stream, [&] { ++done; });
  Do(stream, [&] { done *= 10; });
  CHECK_EQ(done, 0);
  stream.Synchronize();
  CHECK_EQ(done, 10);
  Do(stream, [&] { ++done; });
  Do(stream, [&] { ++done; });
  CHECK_CUDA_ERROR(cudaStreamQuery(stream), cudaErrorNotReady);
  CHECK_CUDA(cudaStreamQuery(stream));  // each query lets some work run
  CHECK_EQ(done, 12);
}

/// Results of a consumer on another stream that waits for the producer's event, or forgets to.
std::set<int> Consume(bool wait) {
  const EmulatorSettings restore;
  std::set<int> seen;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    emulator::SetSeed(seed);
    const EmulatorStream producer, consumer;
    const Event produced;
    const EmulatorArray<int> value(1), result(1);
    Do(producer, [data = value.data()] { *data = 7; });
    CHECK_CUDA(cudaEventRecord(produced, producer));
    if (wait) CHECK_CUDA(cudaStreamWaitEvent(consumer, produced));
    Do(consumer, [from = value.data(), to = result.data()] { *to = *from; });
    consumer.Synchronize();
    seen.insert(result[0]);
  }
  return seen;
}

TEST(EmulatorEventsOrderStreams) { CHECK(Consume(true) == std::set<int>{7}); }

TEST(EmulatorShowsMissingWaits) { CHECK((Consume(false) == std::set<int>{-1, 7})); }

TEST(EmulatorWaitsForTheRecordingThatWas) {
  const EmulatorStream a, b;
  const Event event;
  int done = 0;
  CHECK_CUDA(cudaStreamWaitEvent(b, event));  // never recorded: no wait
  CHECK_CUDA(cudaEventRecord(event, a));
  CHECK_CUDA(cudaStreamWaitEvent(b, event));
  Do(b, [&] { ++done; });
  CHECK_CUDA(cudaStreamWaitEvent(a, event));
  CHECK_CUDA(cudaEventRecord(event, b));  // b does not wait for itself
  CHECK_CUDA(cudaEventSynchronize(event));
  CHECK_EQ(done, 1);
}

TEST(EmulatorEventsHaveTimes) {
  const EmulatorStream stream;
  const Event start, end;
  float ms = -1;
  CHECK_CUDA_ERROR(cudaEventElapsedTime(&ms, start, end), cudaErrorInvalidResourceHandle);
  CHECK_CUDA(cudaEventRecord(start, stream));
  Do(stream, [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
  CHECK_CUDA(cudaEventRecord(end, stream));
  CHECK_CUDA_ERROR(cudaEventElapsedTime(&ms, start, end), cudaErrorNotReady);
  while (cudaEventQuery(end) == cudaErrorNotReady) {
  }
  CHECK_CUDA(cudaEventElapsedTime(&ms, start, end));
  CHECK(ms >= 2);
}

TEST(EmulatorCopies) {
  const EmulatorStream stream;
  const EmulatorArray<int> device(12);
  int* pinned = nullptr;
  CHECK_CUDA(cudaHostAlloc(&pinned, 12 * sizeof(int), cudaHostAllocDefault));
  for (int i = 0; i < 12; ++i) pinned[i] = i;
  CHECK_CUDA(cudaMemcpyAsync(device.data(), pinned, device.bytes(), kToDevice, stream));
  pinned[5] = 50;  // too early: the copy has not been made
  stream.Synchronize();
  CHECK_EQ(device[5], 50);
  CHECK_CUDA(cudaMemsetAsync(device.data(), 0, 4 * sizeof(int), stream));
  int block[2][2] = {};  // not pinned: the call waits
  CHECK_CUDA(cudaMemcpy2DAsync(block, sizeof block[0], device.data() + 3, 4 * sizeof(int),
                               sizeof block[0], 2, kToHost, stream));
  CHECK_EQ(block[0][0], 0);
  CHECK_EQ(block[0][1], 4);
  CHECK_EQ(block[1][0], 7);
  CHECK_EQ(block[1][1], 8);
  CHECK_CUDA(cudaFreeHost(pinned));
}

TEST(EmulatorChecksCopies) {
  const EmulatorStream stream;
  const EmulatorArray<int> device(4);
  int host[8] = {};
  const auto copy = [&](void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    return cudaMemcpyAsync(to, from, bytes, kind, stream);
  };
  CHECK_CUDA_ERROR(copy(host, device.data(), 20, kToHost), cudaErrorInvalidValue);
  CHECK_CUDA_ERROR(copy(host, device.data() + 1, 16, kToHost), cudaErrorInvalidValue);
  CHECK_CUDA_ERROR(copy(host, device.data(), 16, kToDevice), cudaErrorInvalidValue);
  CHECK_CUDA_ERROR(copy(host, host + 4, 16, kToHost), cudaErrorInvalidValue);
  CHECK_CUDA_ERROR(cudaMemsetAsync(host, 0, 16, stream), cudaErrorInvalidValue);
  CHECK_CUDA_ERROR(cudaMemcpyAsync(host, device.data(), 16, kToHost, nullptr),
                   cudaErrorInvalidResourceHandle);
  CHECK_CUDA(copy(host, device.data(), 16, kToHost));
  CHECK_EQ(host[3], -1);  // fresh memory is poison
}

TEST(EmulatorFreesInTheOrderOfStreams) {
  const EmulatorStream stream;
  const size_t before = emulator::MemoryInUse();
  int* memory = nullptr;
  int seen = 0;
  CHECK_CUDA(cudaMallocAsync(&memory, sizeof(int), stream));
  Do(stream, [=, &seen] { seen = ++*memory; });
  CHECK_CUDA(cudaFreeAsync(memory, stream));
  CHECK_CUDA_ERROR(cudaMemsetAsync(memory, 0, sizeof(int), stream), cudaErrorInvalidValue);
  CHECK_CUDA_ERROR(cudaFreeAsync(memory, stream), cudaErrorInvalidValue);
  CHECK_EQ(emulator::MemoryInUse(), before + sizeof(int));
  stream.Synchronize();
  CHECK_EQ(seen, 0);
  CHECK_EQ(emulator::MemoryInUse(), before);
}

TEST(EmulatorRunsOutOfMemory) {
  const EmulatorSettings restore;
  const EmulatorStream stream;
  constexpr size_t kHalf = 1 << 20;
  emulator::SetMemory(emulator::MemoryInUse() + 2 * kHalf);
  void *a = nullptr, *b = nullptr, *c = nullptr;
  CHECK_CUDA(cudaMallocAsync(&a, kHalf, stream));
  CHECK_CUDA(cudaMalloc(&b, kHalf));
  size_t free = 1, total = 0;
  CHECK_CUDA(cudaMemGetInfo(&free, &total));
  CHECK_EQ(free, 0u);
  CHECK_CUDA_ERROR(cudaMalloc(&c, 1), cudaErrorMemoryAllocation);
  CHECK_CUDA_ERROR(cudaMallocAsync(&c, 1, stream), cudaErrorMemoryAllocation);
  CHECK(c == nullptr);
  CHECK_CUDA_ERROR(cudaGetLastError(), cudaErrorMemoryAllocation);
  CHECK_CUDA(cudaGetLastError());
  CHECK_CUDA(cudaFreeAsync(a, stream));
  CHECK_CUDA(cudaMallocAsync(&c, kHalf, stream));  // in the place of a
  CHECK_CUDA(cudaFree(b));
  CHECK_CUDA(cudaFree(c));
}

TEST(EmulatorReplaysFrozenArguments) {
  const EmulatorStream stream;
  const EmulatorArray<int> sum(1), step(1);
  sum.Fill(0);
  int by_value = 1;
  int* pinned = nullptr;
  CHECK_CUDA(cudaHostAlloc(&pinned, sizeof(int), cudaHostAllocDefault));
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK_CUDA(cudaMemcpyAsync(step.data(), pinned, sizeof(int), kToDevice, stream));
  Do(stream, [=, sum = sum.data(), step = step.data()] { *sum += 100 * by_value + *step; });
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  CHECK_CUDA(cudaGraphInstantiate(&exec, graph, 0));
  CHECK_CUDA(cudaGraphDestroy(graph));
  stream.Synchronize();
  CHECK_EQ(sum[0], 0);  // capture runs nothing
  for (int i = 1; i <= 3; ++i) {
    by_value = 1000 * i;
    *pinned = i;
    CHECK_CUDA(cudaGraphLaunch(exec, stream));
    if (i == 3) CHECK_CUDA(cudaGraphExecDestroy(exec));  // the launch goes on
    stream.Synchronize();
  }
  CHECK_EQ(sum[0], 306);
  CHECK_CUDA_ERROR(cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);
  CHECK_CUDA(cudaFreeHost(pinned));
}

/// What a capture in which `forbidden` is called gives there and at its end.
template <class Call>
void CheckForbidden(const EmulatorStream& stream, Call forbidden, cudaError_t expected) {
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK_EQ(forbidden(), expected);
  cudaStreamCaptureStatus status;
  CHECK_CUDA(cudaStreamIsCapturing(stream, &status));
  CHECK_EQ(status, cudaStreamCaptureStatusInvalidated);
  CHECK_EQ(emulator::Launch(stream, 1, 1, 0, [] {}), cudaErrorStreamCaptureInvalidated);
  cudaGraph_t graph = nullptr;
  CHECK_CUDA_ERROR(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  CHECK(graph == nullptr);
  stream.Synchronize();
}

TEST(EmulatorForbidsInCapture) {
  const EmulatorStream stream, other;
  const Event event, outside;
  void* memory = nullptr;
  CHECK_CUDA(cudaEventRecord(outside, other));
  constexpr auto kUnsupported = cudaErrorStreamCaptureUnsupported;
  CheckForbidden(
      stream, [&] { return cudaMalloc(&memory, 4); }, kUnsupported);
  CheckForbidden(
      stream, [&] { return cudaHostAlloc(&memory, 4, 0); }, kUnsupported);
  CheckForbidden(
      stream, [&] { return cudaMallocAsync(&memory, 4, stream); }, kUnsupported);
  CheckForbidden(
      stream, [&] { return cudaStreamSynchronize(stream); }, kUnsupported);
  CheckForbidden(
      stream, [&] { return cudaStreamQuery(stream); }, kUnsupported);
  CheckForbidden(
      stream, [&] { return cudaStreamWaitEvent(stream, outside); },
      cudaErrorStreamCaptureIsolation);
  CheckForbidden(
      stream,
      [&] {
        CHECK_CUDA(cudaEventRecord(event, stream));
        return cudaEventSynchronize(event);
      },
      cudaErrorCapturedEvent);
  // What other threads do is no fault of a capture that is this thread's.
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  std::thread([&] { memory = cudaMalloc(&memory, 4) == cudaSuccess ? memory : nullptr; }).join();
  other.Synchronize();
  cudaGraph_t graph = nullptr;
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  CHECK_CUDA(cudaGraphDestroy(graph));
  CHECK(memory != nullptr);
  CHECK_CUDA(cudaFree(memory));
}

/// Ends the captures of all streams that are in one with this.
cudaError_t EndCapture(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  const cudaError_t error = cudaStreamEndCapture(stream, &graph);
  if (graph != nullptr) CHECK_CUDA(cudaGraphDestroy(graph));
  return error;
}

/// A stream joins a capture by waiting for an event of it; nodes run in any order that events allow.
TEST(EmulatorCapturesTwoStreams) {
  const EmulatorSettings restore;
  const EmulatorStream stream, beside;
  const Event forked, joined;
  const EmulatorArray<int> trace(5);
  int ran = 0;
  const auto node = [&](cudaStream_t on, int name) {
    CHECK_CUDA(
        emulator::Launch(on, 1, 1, 0, [&ran, trace = trace.data(), name] { trace[ran++] = name; }));
  };
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  node(stream, 0);
  CHECK_CUDA(cudaEventRecord(forked, stream));
  node(stream, 1);
  CHECK_CUDA(cudaStreamWaitEvent(beside, forked));
  node(beside, 2);
  node(beside, 3);
  CHECK_CUDA(cudaEventRecord(joined, beside));
  CHECK_CUDA(cudaStreamWaitEvent(stream, joined));
  node(stream, 4);
  CHECK_EQ(EndCapture(beside), cudaErrorStreamCaptureUnmatched);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  cudaStreamCaptureStatus status;
  CHECK_CUDA(cudaStreamIsCapturing(beside, &status));
  CHECK_EQ(status, cudaStreamCaptureStatusNone);
  CHECK_CUDA(cudaGraphInstantiate(&exec, graph, 0));
  CHECK_CUDA(cudaGraphDestroy(graph));
  std::set<std::vector<int>> orders;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    emulator::SetSeed(seed);
    ran = 0;
    CHECK_CUDA(cudaGraphLaunch(exec, stream));
    stream.Synchronize();
    CHECK_EQ(ran, 5);
    orders.insert({trace.data(), trace.data() + 5});
  }
  CHECK(orders == std::set<std::vector<int>>({{0, 1, 2, 3, 4}, {0, 2, 1, 3, 4}, {0, 2, 3, 1, 4}}));
  CHECK_CUDA(cudaGraphExecDestroy(exec));
}

TEST(EmulatorCaptureMustBeJoined) {
  const EmulatorStream stream, beside, other;
  const Event forked, late;
  const auto fork = [&] {
    CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    CHECK_CUDA(cudaEventRecord(forked, stream));
    CHECK_CUDA(cudaStreamWaitEvent(beside, forked));
  };
  fork();
  CHECK_CUDA(EndCapture(stream));  // nothing was captured there
  fork();
  CHECK_CUDA(emulator::Launch(beside, 1, 1, 0, [] {}));
  CHECK_EQ(EndCapture(stream), cudaErrorStreamCaptureUnjoined);
  // The event is of a capture that has ended.
  CHECK_CUDA_ERROR(cudaStreamWaitEvent(beside, forked), cudaErrorInvalidValue);

  fork();  // two captures cannot become one
  CHECK_CUDA(cudaStreamBeginCapture(other, cudaStreamCaptureModeThreadLocal));
  CHECK_CUDA(cudaEventRecord(late, other));
  CHECK_CUDA_ERROR(cudaStreamWaitEvent(beside, late), cudaErrorStreamCaptureMerge);
  CHECK_EQ(EndCapture(other), cudaErrorStreamCaptureInvalidated);
  CHECK_EQ(EndCapture(stream), cudaErrorStreamCaptureInvalidated);
}

TEST(EmulatorRefusesWrongLaunches) {
  const EmulatorStream stream;
  const auto launch = [&](int64_t blocks, int threads, size_t shared) {
    return emulator::Launch(stream, blocks, threads, shared, [] {});
  };
  CHECK_CUDA_ERROR(launch(0, 32, 0), cudaErrorInvalidConfiguration);
  CHECK_CUDA_ERROR(launch(1, 1025, 0), cudaErrorInvalidConfiguration);
  CHECK_CUDA_ERROR(launch(int64_t{1} << 31, 32, 0), cudaErrorInvalidConfiguration);
  CHECK_CUDA_ERROR(launch(1, 32, (48 << 10) + 1), cudaErrorInvalidValue);
}

TEST(EmulatorRefusesBlocksThatDoNotFitTogether) {
  const EmulatorSettings restore;
  const EmulatorStream stream;
  emulator::SetMultiprocessors(3);
  int threads_done = 0;
  const auto launch = [&](int64_t blocks, int threads, size_t shared) {
    return emulator::Launch(
        stream, blocks, threads, shared, [&] { ++threads_done; }, emulator::Blocks::kTogether);
  };
  CHECK_CUDA_ERROR(launch(4, 32, 0), cudaErrorCooperativeLaunchTooLarge);
  CHECK_CUDA_ERROR(launch(1, 32, 164 << 10), cudaErrorInvalidValue);
  CHECK_CUDA(launch(3, 32, 163 << 10));
  stream.Synchronize();
  CHECK_EQ(threads_done, 3 * 32);
}

TEST(EmulatorFailsTheNthCall) {
  const EmulatorSettings restore;
  const EmulatorStream stream;
  emulator::FailCall(2, cudaErrorLaunchFailure);
  int done = 0;
  Do(stream, [&] { ++done; });
  CHECK_CUDA_ERROR(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  CHECK_CUDA_ERROR(cudaPeekAtLastError(), cudaErrorLaunchFailure);
  CHECK_CUDA_ERROR(cudaGetLastError(), cudaErrorLaunchFailure);
  CHECK_CUDA(cudaGetLastError());
  stream.Synchronize();
  CHECK_EQ(done, 1);
}

TEST(EmulatorKeepsStickyErrors) {
  const EmulatorSettings restore;
  const EmulatorStream stream;
  int done = 0;
  Do(stream, [&] { ++done; });
  emulator::FailCall(1, cudaErrorIllegalAddress, true);
  for (int i = 0; i < 3; ++i) {
    CHECK_CUDA_ERROR(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
    CHECK_CUDA_ERROR(cudaGetLastError(), cudaErrorIllegalAddress);
    void* memory = nullptr;
    CHECK_CUDA_ERROR(cudaMalloc(&memory, 4), cudaErrorIllegalAddress);
    int device = 0;
    CHECK_CUDA_ERROR(cudaGetDeviceCount(&device), cudaErrorIllegalAddress);
  }
  emulator::ClearFailure();
  stream.Synchronize();
  CHECK_EQ(done, 0);  // what was enqueued is lost
}

TEST(EmulatorServesManyThreads) {
  constexpr int kThreads = 4, kLaunches = 50;
  std::vector<int> results(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const EmulatorStream stream;
      const EmulatorArray<int> sum(1);
      sum.Fill(0);
      for (int i = 0; i < kLaunches; ++i) {
        stream.Launch(2, 64, 0, [data = sum.data(), t] {
          const int lanes = __builtin_popcount(device::Ballot(true));
          device::SyncBlock();
          if (device::ThreadIndex() == 0) *data += lanes + t;
        });
        if (i % 5 == 0) stream.Synchronize();
      }
      stream.Synchronize();
      results[static_cast<size_t>(t)] = sum[0];
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) {
    CHECK_EQ(results[static_cast<size_t>(t)], 2 * kLaunches * (32 + t));
  }
}

}  // namespace
}  // namespace bnlstm
