#include <set>

#include "cuda/engine.h"
#include "cuda/overlap.h"
#include "emulator_fixture.h"
#include "lstm_variant.h"

// Runs of steps with other work beside them, by the plan `overlapped`.
namespace bnlstm {
namespace {

using Options = std::map<std::string, Option>;

/// Which of two things ended first, of runs whose parts are named by a letter and their number.
struct Trace {
  std::vector<std::string> ended;

  int64_t At(const std::string& part) const {
    const auto found = std::find(ended.begin(), ended.end(), part);
    CHECK(found != ended.end());
    return found - ended.begin();
  }
  bool InOrder(char first, int64_t i, char then, int64_t k) const {
    return At(first + std::to_string(i)) < At(then + std::to_string(k));
  }
};

TEST(CudaOverlapIsBesideTheSteps) {
  const EmulatorSettings restore;
  constexpr int64_t kRuns = 4;
  for (const bool overlaps : {true, false}) {
    std::set<std::pair<bool, bool>> beside;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      emulator::SetSeed(seed);
      const EmulatorStream one, other;
      cuda::Context second, first;
      second.stream = other;
      first.stream = one;
      first.beside = &second;
      Trace trace;
      const cuda::Overlap overlap(first, overlaps);
      const auto part = [&](char name, const cuda::Context& context) {
        return [&trace, &context, name](int64_t k) {
          CHECK_CUDA(emulator::Launch(context.stream, 1, 1, 0, [&trace, name, k] {
            trace.ended.push_back(name + std::to_string(k));
          }));
        };
      };
      overlap.Meet();
      overlap.EachRun(kRuns, part('b', overlap.beside()), part('s', first),
                      part('a', overlap.beside()));
      overlap.Meet();
      one.Synchronize();  // the op's own stream, for which others wait
      CHECK_EQ(trace.ended.size(), size_t{3 * kRuns});
      for (int64_t k = 0; k < kRuns; ++k) {
        CHECK(trace.InOrder('b', k, 's', k) && trace.InOrder('s', k, 'a', k));
        if (k == 0) continue;
        CHECK(trace.InOrder('s', k - 1, 's', k));
        if (k >= 2) {  // memory of two runs in turn
          CHECK(trace.InOrder('s', k - 2, 'b', k) && trace.InOrder('a', k - 2, 's', k));
        }
        beside.insert({trace.InOrder('b', k, 's', k - 1), trace.InOrder('a', k - 1, 's', k)});
      }
    }
    const std::set<std::pair<bool, bool>> any = {
        {true, true}, {true, false}, {false, true}, {false, false}};
    CHECK(beside == (overlaps ? any : std::set<std::pair<bool, bool>>{{false, true}}));
  }
}

const Options kZoneout = {{"zoneout", "sample"},
                          {"zoneoutC", 0.3},
                          {"zoneoutH", 0.2},
                          {"seedLow", 9.0},
                          {"stream", 40.0}};
Options With(Options options, const Options& more) {
  options.insert(more.begin(), more.end());
  return options;
}
const std::vector<double> kLengths = {9, 1, 4, 9, 2, 6, 3};

// Of five runs, the last one shorter.
const std::vector<LstmVariant> kVariants = {
    {"plain", true, {}, {}, 9, 3, 2, 6},
    {"TF32, zoneout", false, kZoneout, {}, 9, 3, 2, 6},
    {"lengths, two directions", true, {{"directions", 2.0}}, kLengths, 9, 7, 3, 5},
    {"statistics of the sequence, zoneout",
     true,
     With(kZoneout, {{"inputStatistics", "sequence"}}),
     {},
     9,
     3,
     2,
     6},
    {"inputs recomputed, zoneout",
     true,
     With(kZoneout, {{"recomputeInputs", true}}),
     {},
     9,
     3,
     2,
     6},
    {"inputs recomputed, statistics of the sequence, TF32",
     false,
     {{"recomputeInputs", true}, {"inputStatistics", "sequence"}},
     {},
     9,
     3,
     2,
     6},
    {"steps recomputed, zoneout", true, With(kZoneout, {{"recompute", 4.0}}), {}, 9, 3, 2, 6},
    {"plain LSTM", true, {{"norm", "none"}, {"directions", 2.0}}, kLengths, 9, 7, 3, 5},
    {"one run", true, {}, {}, 2, 3, 2, 6},
};

LstmValues RunBy(const std::string& plan, LstmVariant variant, int multiprocessors) {
  emulator::SetMultiprocessors(multiprocessors);
  variant.options["plan"] = plan;
  return RunVariant(variant, cuda::MakeEngine({.tf32 = !variant.bf16}));
}

/// In whichever order the streams do what they need not wait for; two directions one after the other,
/// or together.
TEST(CudaOverlapHasTheSameBitsInAnyOrder) {
  const EmulatorSettings restore;
  for (const LstmVariant& variant : kVariants) {
    emulator::SetSeed(0);
    const LstmValues expected = RunBy("overlapped", variant, 4);
    for (uint64_t seed = 1; seed <= 16; ++seed) {
      emulator::SetSeed(seed);
      CheckSameBits(RunBy("overlapped", variant, seed % 2 == 0 ? 4 : 8), expected,
                    variant.name + " with seed " + std::to_string(seed));
    }
    const LstmValues alone = RunBy("persistent", variant, 4);
    for (const auto& [name, values] : expected) {
      for (size_t i = 0; i < values.size(); ++i) {
        const double want = alone.at(name)[i];
        if (!(std::fabs(values[i] - want) <= 1e-3 * std::max(1.0, std::fabs(want)))) {
          check::Fail(__FILE__, __LINE__, variant.name, ": ", name, " is off by ",
                      values[i] - want);
        }
      }
    }
  }
}

TEST(CudaOverlapHasTheSameBitsRecomputed) {
  const EmulatorSettings restore;
  LstmVariant variant{"kept", true, kZoneout, kLengths, 9, 7, 3, 5};
  const LstmValues expected = RunBy("overlapped", variant, 4);
  for (const double steps : {1.0, 4.0, 99.0}) {
    variant.options["recompute"] = steps;
    CheckSameBits(RunBy("overlapped", variant, 4), expected,
                  std::to_string(steps) + " steps recomputed");
  }
  variant.options["recompute"] = 0.0;
  variant.options["recomputeInputs"] = true;
  CheckSameBits(RunBy("overlapped", variant, 4), expected, "inputs recomputed");
}

/// Every call of the device fails in turn, while an op is captured, run, and run without its graph: that is
/// an error, after which the engine serves on.
TEST(CudaOverlapThatFailsLeavesTheEngine) {
  const EmulatorSettings restore;
  const LstmVariant variant{"", true, {{"plan", "overlapped"}}, {}, 3, 2, 2, 3};
  const auto engine = cuda::MakeEngine({});
  const LstmRun run(RandomLstm(variant), engine);
  run.Run(0);
  const LstmValues expected = FiniteValues(run, "before");
  const std::atomic<bool> cancelled{false};
  std::vector<double> seconds;
  const auto use = [&] {
    const auto executable = engine->Compile(run.ops());
    executable->Run({0, &cancelled});
    executable->Run({0, &cancelled, &seconds});
  };
  const int64_t before = emulator::Calls();
  use();
  const int64_t calls = emulator::Calls() - before;
  CHECK(calls > 100);
  int64_t failed = 0;
  for (int64_t n = 1; n <= calls; ++n) {
    emulator::FailCall(n, cudaErrorInvalidValue);
    try {
      use();
    } catch (const Error& error) {
      CHECK_EQ(error.code(), std::string(kInternal));
      ++failed;
    }
    emulator::ClearFailure();
    run.Run(0);
    CheckSameBits(FiniteValues(run, "after"), expected, "after call " + std::to_string(n));
  }
  CHECK(failed > calls / 2);
}

}  // namespace
}  // namespace bnlstm
