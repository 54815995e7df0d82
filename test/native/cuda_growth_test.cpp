#include <algorithm>
#include <cmath>

#include "cuda_fixture.h"

// Memory that grows: programs that were made before go on, and runs in flight end well.
namespace bnlstm {
namespace {

constexpr uint64_t kSeeds = 12;
// Gradients of globalNorm, whose workspace is some thousandth part of them.
constexpr int64_t kSmall = 20000, kLarge = 80000;

/// globalNorm alone, in memory of its own: it goes through the workspace from one kernel to another.
class Norm {
 public:
  Norm(std::shared_ptr<const Engine> engine, int64_t count)
      : engine_(std::move(engine)),
        gradients_(engine_, static_cast<size_t>(count) * sizeof(float)),
        rest_(engine_, 4 * sizeof(float)),
        state_(engine_, 4 * sizeof(int32_t)),
        staging_(engine_, gradients_.bytes() + sizeof(float)) {
    auto* const rest = static_cast<float*>(rest_.data());
    const auto f32 = [](Shape shape, void* data) {
      return Tensor{DType::kF32, std::move(shape), data, true};
    };
    op_.name = "globalNorm";
    op_.operands = {{"gradients", f32({count}, gradients_.data())},
                    {"loss", f32({1}, rest)},
                    {"norm", f32({1}, rest + 1)},
                    {"scale", f32({1}, rest + 2)},
                    {"state", {DType::kI32, {4}, state_.data(), true}}};
    executable_ = engine_->Compile({op_});
  }

  /// Of gradients that are all `value`.
  void Start(float value) {
    auto* const host = reinterpret_cast<float*>(staging_.data());
    const size_t count = gradients_.bytes() / sizeof(float);
    std::fill(host, host + count, value);
    expected_ = static_cast<float>(std::sqrt(static_cast<double>(count)) * value);
    executable_->Start({{gradients_.data(), host, gradients_.bytes()}},
                       {{static_cast<float*>(rest_.data()) + 1, host + count, sizeof(float)}}, {});
  }
  void Finish() {
    executable_->Finish();
    CHECK_EQ(reinterpret_cast<float*>(staging_.data() + gradients_.bytes())[0], expected_);
  }

 private:
  const std::shared_ptr<const Engine> engine_;
  const Memory gradients_, rest_, state_;
  const Staging staging_;
  OpArguments op_;
  std::unique_ptr<Executable> executable_;
  float expected_ = 0;
};

template <class Body>
void ForSeeds(const Body& body) {
  const EmulatorSettings restore;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulator::SetSeed(seed);
    body(static_cast<uint32_t>(seed));
  }
}

TEST(CudaGrowthOfTheWorkspaceInFlight) {
  ForSeeds([](uint32_t) {
    const std::shared_ptr<const Engine> engine = cuda::MakeEngine({});
    Norm first(engine, kSmall), second(engine, kSmall);
    first.Start(2);
    second.Start(3);
    Norm large(engine, kLarge);
    first.Finish();
    second.Finish();
  });
}

TEST(CudaGrowthMovesTheWorkspaceOfEarlierPrograms) {
  ForSeeds([](uint32_t) {
    const std::shared_ptr<const Engine> engine = cuda::MakeEngine({});
    Norm small(engine, kSmall);
    small.Start(2);
    small.Finish();
    Norm large(engine, kLarge);
    // Where the workspace was, others may be now: of any of these sizes.
    std::vector<Memory> others;
    for (size_t bytes = 8; bytes <= 2048; bytes += 8) others.emplace_back(engine, bytes);
    small.Start(3);
    large.Start(4);
    small.Finish();
    large.Finish();
    for (const Memory& other : others) {
      std::vector<uint8_t> bytes(other.bytes());
      engine->Download(bytes.data(), other.data(), other.bytes());
      CHECK(std::count(bytes.begin(), bytes.end(), 0) == static_cast<ptrdiff_t>(bytes.size()));
    }
  });
}

TEST(CudaGrowthOfSlotsInFlight) {
  ForSeeds([](uint32_t) {
    const std::shared_ptr<const Engine> engine = cuda::MakeEngine({});
    Norm first(engine, kSmall), second(engine, kSmall);
    engine->Reserve({1000});  // the first run makes them grow by itself
    first.Start(2);
    second.Start(3);
    engine->Reserve({1 << 20, 1 << 16});
    first.Finish();
    second.Finish();
    second.Start(4);
    second.Finish();
  });
}

TEST(CudaGrowthOfTheArenaInFlight) {
  ForSeeds([](uint32_t seed) {
    Stream stream(cuda::MakeEngine({}), 0);
    Ends ends;
    Workload small(stream, 64, seed);
    std::vector<std::pair<Workload*, Workload::Pending>> runs;
    const auto submit = [&](Workload& work) { runs.emplace_back(&work, work.Submit(ends)); };
    for (int i = 0; i < 4; ++i) submit(small);
    Workload larger(stream, 5000, seed + 1);
    const uint64_t generation = stream.arena().generation();
    submit(larger);
    submit(small);
    submit(larger);
    submit(small);
    Workload largest(stream, 20000, seed + 2);
    CHECK_EQ(stream.arena().generation(), generation + 1);
    submit(small);
    submit(largest);
    submit(larger);
    submit(small);
    CheckEnds(ends, runs.size());
    for (const auto& [work, run] : runs) work->Check(run);
  });
}

}  // namespace
}  // namespace bnlstm
