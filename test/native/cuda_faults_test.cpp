#include <deque>

#include "cuda_fixture.h"

// Every call of the emulated device fails, one after another, while a stream is made, used and closed.
namespace bnlstm {
namespace {

/// Throws what a job has failed with.
void Await(Ends& ends, size_t count) {
  const std::vector<std::string> codes = ends.Codes(count);
  for (size_t i = 0; i < codes.size(); ++i) {
    if (codes[i].empty()) continue;
    for (size_t later = i + 1; later < codes.size(); ++later) {
      CHECK(codes[later] == kPoisoned || codes[later] == codes[i]);
    }
    throw Error(codes[i], ends.Message(i));
  }
}

/// All that a stream is for. Results that are there are right. What is on its way stays in `runs`,
/// which outlive the stream.
void UseStream(Stream& stream, Ends& ends, std::deque<Workload::Pending>& runs) {
  Workload small(stream, 64, 1);
  runs.push_back(small.Submit(ends));
  runs.push_back(small.Submit(ends));
  Await(ends, 2);
  runs.push_back(small.Profile(ends));
  Await(ends, 3);
  for (const auto& run : runs) small.Check(run);
  runs.push_back(small.Time(ends, 2));
  Await(ends, 4);
  Workload large(stream, 5000, 2);  // arena, slots and workspace grow
  runs.push_back(large.Submit(ends));
  runs.push_back(small.Submit(ends));
  Await(ends, 6);
  large.Check(runs[4]);
  small.Check(runs[5]);
  runs.push_back({small.WriteW(ends), {}, {}, {}, {}});
  runs.push_back(small.Submit(ends));
  small.Dispose();
  Await(ends, 8);
  small.Check(runs[7]);
}

/// The code of what failed first, empty if nothing did.
std::string LifeOfAStream() {
  try {
    Ends ends;
    std::deque<Workload::Pending> runs;
    Stream stream(cuda::MakeEngine({}), 0);
    UseStream(stream, ends, runs);
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

struct Faults {
  int64_t failed = 0, survived = 0;  // lives of a stream
};

/// Every call fails once with `error`.
Faults FailEveryCall(cudaError_t error, bool sticky, const std::string& code) {
  const EmulatorSettings restore;
  const int64_t begin = emulator::Calls();
  CHECK_EQ(LifeOfAStream(), "");
  const int64_t calls = emulator::Calls() - begin;
  CHECK(calls > 200);
  const std::string before = Existing();
  Faults faults;
  for (int64_t n = 1; n <= calls; ++n) {
    try {
      emulator::FailCall(n, error, sticky);
      const std::string found = LifeOfAStream();
      emulator::ClearFailure();
      // Where things are freed, a failure is nothing that anybody could act on.
      // The first call chooses the device: what fails there is that it cannot be used.
      const std::string expected = n == 1 && code == kInternal ? kDevice : code;
      if (!found.empty()) CHECK_EQ(found, expected);
      ++(found.empty() ? faults.survived : faults.failed);
      if (sticky) {
        CHECK_EQ(emulator::MemoryInUse(), 0u);
        CHECK_EQ(Alive::streams + Alive::arrays + Alive::bytes, 0);
      } else {
        CHECK_EQ(Existing(), before);
      }
    } catch (const std::exception& failure) {
      check::Fail(__FILE__, __LINE__, "call ", n, " of ", calls, ": ", failure.what());
    }
  }
  return faults;
}

TEST(CudaFaultsOutOfMemory) {
  const Faults faults = FailEveryCall(cudaErrorMemoryAllocation, false, kOutOfMemory);
  CHECK(faults.failed > 2 * faults.survived);  // an allocation is tried again
}

TEST(CudaFaultsInternal) {
  const Faults faults = FailEveryCall(cudaErrorInvalidValue, false, kInternal);
  CHECK(faults.failed > 2 * faults.survived);  // a query is no failure
}

TEST(CudaFaultsLoseTheDevice) {
  const Faults faults = FailEveryCall(cudaErrorIllegalAddress, true, kDeviceLost);
  CHECK(faults.failed > 3 * faults.survived);
}

/// An op that throws while it is captured is named, and leaves the engine as it was.
TEST(CudaCaptureThatFails) {
  const EmulatorSettings restore;
  Stream stream(cuda::MakeEngine({}), 0);
  Ends ends;
  Workload known(stream, 64, 1);
  const int64_t begin = emulator::Calls();
  { const Workload measured(stream, 64, 2); }
  const int64_t calls = emulator::Calls() - begin;
  bool named = false;
  size_t runs = 0;
  for (int64_t n = 1; n <= calls; ++n) {
    emulator::FailCall(n, cudaErrorLaunchOutOfResources);
    try {
      const Workload failing(stream, 64, 2);
    } catch (const Error& error) {
      CHECK_EQ(error.code(), kInternal);
      named = named || std::string(error.what()).find("op 'globalNorm'") != std::string::npos;
    }
    emulator::ClearFailure();
    const auto run = known.Submit(ends);
    CheckEnds(ends, ++runs);
    known.Check(run);
    Workload other(stream, 64, 3);
    const auto others = other.Submit(ends);
    CheckEnds(ends, ++runs);
    other.Check(others);
  }
  CHECK(named);
}

/// Many streams that could not be made, or whose programs could not, one after another.
TEST(CudaStreamsThatFailLeaveNothing) {
  const EmulatorSettings restore;
  const std::string before = Existing();
  emulator::SetMemory(1 << 20);  // cuBLAS's workspace has the sixteenth part of it
  for (int i = 0; i < 50; ++i) {
    auto stream = std::make_shared<Stream>(cuda::MakeEngine({}), 0);
    ProgramDescription unknown;
    unknown.ops = {{"unknown", {}, {}}};
    CHECK_THROWS(stream->NewProgram(unknown), kUnsupported);
    const auto array = stream->NewArray(64);
    CHECK_THROWS(stream->NewArray(1 << 20), kOutOfMemory);
    stream->Close();  // while somebody still has it
    CHECK_EQ(Existing(), before);
  }
}

}  // namespace
}  // namespace bnlstm
