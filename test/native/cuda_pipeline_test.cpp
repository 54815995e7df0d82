#include <deque>

#include "cuda_fixture.h"

// Runs that are started before earlier ones have ended. Staging memory is pinned, so that copies are
// made late, and the seed chooses which of the device's queues goes on first.
namespace bnlstm {
namespace {

constexpr uint64_t kSeeds = 12;

template <class Body>
void ForSeeds(const Body& body) {
  const EmulatorSettings restore;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulator::SetSeed(seed);
    Stream stream(cuda::MakeEngine({}), 0);
    body(stream, static_cast<uint32_t>(seed));
  }
}

TEST(CudaPipelinedRunsOfOneProgram) {
  ForSeeds([](Stream& stream, uint32_t seed) {
    Workload work(stream, 64, seed);
    Ends ends;
    Gate gate;
    gate.Queue(stream, ends);
    std::vector<Workload::Pending> runs;
    for (int i = 0; i < 7; ++i) runs.push_back(work.Submit(ends));
    gate.Open();
    CheckEnds(ends, 1 + runs.size());
    for (const auto& run : runs) work.Check(run);
  });
}

TEST(CudaPipelinedRunsOfManyPrograms) {
  ForSeeds([](Stream& stream, uint32_t seed) {
    std::deque<Workload> works;
    for (const int64_t count : {64, 8, 5000, 520}) works.emplace_back(stream, count, seed);
    Ends ends;
    Gate gate;
    gate.Queue(stream, ends);
    std::vector<std::pair<Workload*, Workload::Pending>> runs;
    for (const size_t index : {0, 1, 2, 2, 3, 0, 0, 2, 1, 3}) {
      runs.emplace_back(&works[index], works[index].Submit(ends));
    }
    gate.Open();
    CheckEnds(ends, 1 + runs.size());
    for (const auto& [work, run] : runs) work->Check(run);
  });
}

TEST(CudaPipelinedRunsAmongOtherJobs) {
  ForSeeds([](Stream& stream, uint32_t seed) {
    Workload work(stream, 264, seed), other(stream, 64, seed + 1);
    Ends ends;
    Gate gate;
    gate.Queue(stream, ends);
    std::vector<std::pair<Workload*, Workload::Pending>> runs;
    const auto submit = [&] {
      runs.emplace_back(&work, work.Submit(ends));
      runs.emplace_back(&other, other.Submit(ends));
    };
    submit();
    const Staging first = work.WriteW(ends);
    submit();
    runs.emplace_back(&work, work.Profile(ends));
    const Staging second = other.WriteW(ends);
    const Workload::Pending timed = work.Time(ends, 3);  // downloads nothing
    submit();
    gate.Open();
    CheckEnds(ends, 1 + 2 + 1 + runs.size());
    for (const auto& [workload, run] : runs) workload->Check(run);
  });
}

}  // namespace
}  // namespace bnlstm
