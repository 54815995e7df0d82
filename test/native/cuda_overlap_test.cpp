#include <set>

#include "core/memory.h"
#include "cuda/engine.h"
#include "cuda/overlap.h"
#include "emulator_fixture.h"
#include "lstm_variant.h"

// Runs of steps with other work beside them, by the plan `overlapped`.
namespace bnlstm {
namespace {

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

const std::vector<double> kLengths = {9, 1, 4, 9, 2, 6, 3};

/// By default of five runs, the last one shorter.
LstmVariant Small(const std::string& name, const Options& options, bool bf16 = true,
                  int64_t steps = 9) {
  return {name, bf16, options, {}, steps, 3, 2, 6};
}
const Options kWhole = {{"inputStatistics", "sequence"}}, kInputs = {{"recomputeInputs", true}},
              kChunks = {{"recompute", 4.0}}, kTwo = {{"directions", 2.0}};
const std::vector<LstmVariant> kVariants = {
    Small("plain", {}),
    Small("TF32, zoneout", kZoneout, false),
    Small("whole runs alone", {}, true, 8),
    Small("one run", {}, true, 2),
    Small("tokens, inputs recomputed", With(kInputs, {{"tokens", true}})),
    Small("statistics of the sequence, zoneout, two directions",
          With(kZoneout, With(kWhole, kTwo))),
    Small("inputs recomputed, zoneout", With(kZoneout, kInputs)),
    Small("inputs recomputed, statistics of the sequence, TF32", With(kInputs, kWhole), false),
    Small("steps recomputed, zoneout", With(kZoneout, kChunks)),
    Small("steps recomputed, statistics of the sequence", With(kChunks, kWhole)),
    {"lengths, two directions", true, kTwo, kLengths, 9, 7, 3, 5},
    {"plain LSTM", true, With(kTwo, {{"norm", "none"}}), kLengths, 9, 7, 3, 5},
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
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      emulator::SetSeed(seed);
      CheckSameBits(RunBy("overlapped", variant, seed % 2 == 0 ? 4 : 8), expected,
                    variant.name + " with seed " + std::to_string(seed));
    }
    // Sums of gradients over other runs are the one thing that differs.
    LstmValues alone = RunBy("persistent", variant, 4);
    for (const char* name : {"dwx", "dwh"}) {
      const std::vector<float>& want = alone.at(name);
      double most = 0, error = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        most = std::max(most, std::fabs(static_cast<double>(want[i])));
        error = std::max(error, std::fabs(static_cast<double>(want[i]) - expected.at(name)[i]));
      }
      if (!(error <= 1e-6 * most)) {
        check::Fail(__FILE__, __LINE__, variant.name, ": ", name, " is off by ", error, " of ",
                    most);
      }
      alone[name] = expected.at(name);
    }
    CheckSameBits(expected, alone, variant.name + " beside and alone");
  }
}

/// An op that is a graph of its own, captured while its inputs are NaN: nothing of it is left outside.
TEST(CudaOverlapIsAllInTheGraph) {
  const EmulatorSettings restore;
  for (const LstmVariant& variant : kVariants) {
    LstmVariant overlapped = variant;
    overlapped.options["plan"] = "overlapped";
    const auto engine = cuda::MakeEngine({.tf32 = !variant.bf16});
    const LstmRun run(RandomLstm(overlapped), engine);
    run.Run(0);
    const LstmValues expected = FiniteValues(run, variant.name);
    const std::atomic<bool> cancelled{false};
    for (OpArguments op : run.ops()) {
      std::map<std::string, std::vector<uint8_t>> given;
      for (const char* name : {"x", "h0", "b", "dy"}) {
        const auto found = op.operands.find(name);
        if (found == op.operands.end()) continue;
        std::vector<uint8_t>& bytes = given[name];
        bytes.resize(found->second.bytes());
        engine->Download(bytes.data(), found->second.data, bytes.size());
        const std::vector<uint8_t> nan(bytes.size(), 0xff);
        engine->Upload(found->second.data, nan.data(), nan.size());
      }
      const auto compiled = engine->Compile({op});
      for (const auto& [name, bytes] : given) {
        engine->Upload(op.operands.at(name).data, bytes.data(), bytes.size());
      }
      compiled->Run({0, &cancelled});
      if (op.name != "bnLstm") continue;
      // Without a backward to come: states lie in memory of two runs in turn.
      op.operands.erase("saved");
      const Memory scratch(engine, engine->Sizes(op).scratch);
      op.operands["scratch"] = {
          DType::kU8, {static_cast<int64_t>(scratch.bytes())}, scratch.data(), true};
      engine->Compile({op})->Run({0, &cancelled});
    }
    CheckSameBits(FiniteValues(run, variant.name), expected, variant.name + ", op by op");
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

/// Every call of the device fails in turn, while ops are captured, and run without their graph: that is an error, after which such an engine serves on.
TEST(CudaOverlapThatFailsLeavesTheEngine) {
  const EmulatorSettings restore;
  const LstmVariant variant{"", true, {{"plan", "overlapped"}}, {}, 3, 2, 2, 3};
  const LstmValues expected = RunVariant(variant, cuda::MakeEngine({}));
  const std::atomic<bool> cancelled{false};
  std::vector<double> seconds;
  int64_t failed = 0, calls = 0;
  const auto fail = [&](int64_t n) {
    const auto engine = cuda::MakeEngine({});
    const LstmRun run(RandomLstm(variant), engine);
    const int64_t before = emulator::Calls();
    if (n > 0) emulator::FailCall(n, cudaErrorInvalidValue);
    try {
      engine->Compile(run.ops())->Run({0, &cancelled, &seconds});
    } catch (const Error& error) {
      CHECK_EQ(error.code(), std::string(kInternal));
      ++failed;
    }
    calls = emulator::Calls() - before;
    emulator::ClearFailure();
    run.Run(0);
    CheckSameBits(FiniteValues(run, "after"), expected, "after call " + std::to_string(n));
  };
  fail(0);
  const int64_t all = calls;
  CHECK(all > 100);
  for (int64_t n = 1; n <= all; ++n) fail(n);
  CHECK(failed > all / 2);
}

}  // namespace
}  // namespace bnlstm
