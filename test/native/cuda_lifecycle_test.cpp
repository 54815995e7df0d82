#include <thread>

#include "cuda_fixture.h"

// What outlives what: streams, programs and engines that end early, late, or side by side.
namespace bnlstm {
namespace {

TEST(CudaStreamClosedInFlight) {
  const EmulatorSettings restore;
  const std::string before = Existing();
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    emulator::SetSeed(seed);
    constexpr size_t kRuns = 6;
    Ends ends;
    {
      std::vector<Workload::Pending> runs;
      Stream stream(cuda::MakeEngine({}), 0);
      Workload work(stream, 520, static_cast<uint32_t>(seed));
      for (size_t i = 0; i < kRuns; ++i) runs.push_back(work.Submit(ends));
      // So many have ended; some are on the device.
      if (seed % 3 > 0) ends.Codes(seed % 3);
      stream.Close();
      const std::vector<std::string> codes = ends.Codes(kRuns);
      CHECK_EQ(codes.size(), kRuns);
      bool disposed = false;
      for (size_t i = 0; i < kRuns; ++i) {
        CHECK(codes[i].empty() || codes[i] == kDisposed);
        CHECK(!(disposed && codes[i].empty()));
        disposed = !codes[i].empty();
        if (codes[i].empty()) work.Check(runs[i]);
      }
    }
    CHECK_EQ(Existing(), before);
  }
}

TEST(CudaProgramReleasedWhileItRuns) {
  const EmulatorSettings restore;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    emulator::SetSeed(seed);
    Stream stream(cuda::MakeEngine({}), 0);
    const Workload kept(stream, 64, 1);
    Ends ends;
    Gate gate;
    gate.Queue(stream, ends);
    Workload work(stream, 64, 2);
    Workload::Pending first = work.Submit(ends), second = work.Submit(ends);
    std::weak_ptr<Program> program;
    {
      const auto taken = work.TakeProgram();
      program = taken;
    }
    CHECK(!program.expired());  // the jobs have it
    gate.Open();
    CheckEnds(ends, 3);
    // The last job may still be letting go of it.
    for (int i = 0; i < 10000 && !program.expired(); ++i) std::this_thread::yield();
    CHECK(program.expired());
  }
}

/// A stream that was closed has nothing of the device, whoever still holds on to it and its parts.
TEST(CudaClosedStreamKeepsNothing) {
  const std::string before = Existing();
  auto stream = std::make_shared<Stream>(cuda::MakeEngine({}), 0);
  Workload work(*stream, 520, 1);
  Ends ends;
  {
    const auto run = work.Submit(ends);
    CheckEnds(ends, 1);
    work.Check(run);
  }
  const auto program = work.TakeProgram();
  const auto array = stream->NewArray(100);
  CHECK(Existing() != before);
  stream->Close();
  CHECK_EQ(Existing(), before);
}

TEST(CudaEnginesOfManyThreads) {
  constexpr uint32_t kThreads = 4;
  std::vector<std::string> failures(kThreads);
  const std::string before = Existing();
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &failure = failures[t]] {
      try {
        for (uint32_t round = 0; round < 3; ++round) {
          Stream stream(cuda::MakeEngine({}), 0);
          Ends ends;
          Workload work(stream, 64, t);
          std::vector<Workload::Pending> runs;
          for (int i = 0; i < 4; ++i) runs.push_back(work.Submit(ends));
          Workload larger(stream, 1000 + 8 * t, t + round);  // while those run
          for (int i = 0; i < 4; ++i) runs.push_back(work.Submit(ends));
          const auto last = larger.Submit(ends);
          CheckEnds(ends, runs.size() + 1);
          for (const auto& run : runs) work.Check(run);
          larger.Check(last);
        }
      } catch (const std::exception& error) {
        failure = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures) CHECK_EQ(failure, "");
  CHECK_EQ(Existing(), before);
}

}  // namespace
}  // namespace bnlstm
