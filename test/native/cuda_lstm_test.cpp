#include <algorithm>
#include <cmath>

#include "core/memory.h"
#include "cuda/engine.h"
#include "cuda/split.h"
#include "emulator_fixture.h"
#include "lstm_variant.h"

// A BN-LSTM forward and backward whose outputs begin as NaN: each is written, and has the same bits in
// whichever order the device does its work.
namespace bnlstm {
namespace {

const std::vector<double> kLengths = {7, 1, 4, 7, 2, 6, 3, 7, 5, 7, 7};

const std::vector<LstmVariant> kVariants = {
    {"plain"},
    {"bf16", true},
    {"lengths, two directions", false, {{"directions", 2.0}}, kLengths},
    {"recomputed, zoneout", false, With(kZoneout, {{"recompute", 2.0}})},
    {"statistics of the sequence", true, {{"inputStatistics", "sequence"}}},
    {"inputs recomputed", true, {{"recomputeInputs", true}, {"inputStatistics", "sequence"}}},
};

TEST(CudaLstmHasTheSameBitsInAnyOrder) {
  const EmulatorSettings restore;
  for (LstmVariant variant : kVariants) {
    variant.options["plan"] = "steps";
    emulator::SetSeed(0);  // blocks and lanes in their natural order
    const LstmValues expected = RunVariant(variant, cuda::MakeEngine({}));
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      emulator::SetSeed(seed);
      emulator::SetMultiprocessors(1 + static_cast<int>(seed));
      CheckSameBits(RunVariant(variant, cuda::MakeEngine({})), expected,
                    variant.name + " with seed " + std::to_string(seed));
    }
  }
}

// Of several runs of steps, whose blocks hand on what others see late and in any order.
const std::vector<LstmVariant> kPersistent = {
    {"plain, a block of two units, two of none", true},
    {"TF32, a block of two units, two of none", false},
    {"lengths, two directions", true, {{"directions", 2.0}}, kLengths},
    {"lengths, padding as data, TF32", false, {{"lengthStatistics", "all"}}, kLengths},
    {"recomputed, zoneout", true, With(kZoneout, {{"recompute", 2.0}})},
    {"one unit, statistics of the sequence",
     true,
     {{"inputStatistics", "sequence"}},
     {},
     5,
     9,
     2,
     1},
    {"a group, two rows of a lane", true, {}, {}, 4, 35, 2, 29},
    {"a whole group, TF32, four rows of a lane", false, {}, {}, 4, 70, 2, 32},
    {"a unit in the second group", true, {}, {}, 4, 11, 2, 33},
    {"k in two slices, two tiles of a warp, TF32", false, {}, {}, 3, 66, 2, 65},
    {"three groups, two directions", true, {{"directions", 2.0}}, kLengths, 7, 11, 2, 70},
    {"two whole groups, two directions, TF32", false, {{"directions", 2.0}}, {}, 3, 4, 2, 64},
    {"plain LSTM", true, {{"norm", "none"}, {"directions", 2.0}}, kLengths, 7, 11, 3, 17},
};

/// Two directions one after the other, or together where the multiprocessors are enough.
TEST(CudaPersistentHasTheSameBitsInAnyOrder) {
  const EmulatorSettings restore;
  for (LstmVariant variant : kPersistent) {
    variant.options["plan"] = "persistent";
    const cuda::EngineOptions options{.tf32 = !variant.bf16};
    const int blocks = static_cast<int>(cuda::PersistentBlocks(variant.H));
    emulator::SetSeed(0);
    emulator::SetLateStores(false);
    emulator::SetMultiprocessors(blocks);
    const LstmValues expected = RunVariant(variant, cuda::MakeEngine(options));
    emulator::SetLateStores(true);
    const uint64_t seeds = variant.B * variant.H > 2000 ? 2 : 4;  // the large ones take long
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      emulator::SetSeed(seed);
      emulator::SetMultiprocessors(seed % 2 == 0 ? blocks + 1 : 2 * blocks);
      CheckSameBits(RunVariant(variant, cuda::MakeEngine(options)), expected,
                    variant.name + " with seed " + std::to_string(seed));
    }
  }
}

/// What forward saved is read by either plan; with one group of blocks, and with two.
TEST(CudaPersistentAndStepsServeEachOther) {
  const EmulatorSettings restore;
  emulator::SetMultiprocessors(16);
  for (const auto& [bf16, hidden] : {std::pair(true, 10), {false, 10}, {true, 40}, {false, 40}}) {
    const auto engine = cuda::MakeEngine({.tf32 = !bf16});
    LstmVariant variant{"", bf16, With(kZoneout, {{"directions", 2.0}}), kLengths};
    variant.H = hidden;
    const auto run_by = [&](const std::string& forward, const std::string& backward) {
      const LstmRun run(RandomLstm(variant), engine);
      std::vector<OpArguments> ops = run.ops();
      ops[1].options["plan"] = forward;
      ops[2].options["plan"] = backward;
      std::vector<Memory> memory;
      for (size_t i = 1; i < ops.size(); ++i) {
        const size_t bytes = engine->Sizes(ops[i]).scratch;
        memory.emplace_back(engine, bytes);
        ops[i].operands["scratch"] = {
            DType::kU8, {static_cast<int64_t>(bytes)}, memory.back().data(), true};
      }
      const std::atomic<bool> cancelled{false};
      engine->Compile(ops)->Run({0, &cancelled});
      return FiniteValues(run, forward + ", " + backward);
    };
    const LstmValues expected = run_by("steps", "steps");
    for (const auto& [forward, backward] :
         {std::pair("steps", "persistent"), {"persistent", "steps"}}) {
      for (const auto& [name, values] : run_by(forward, backward)) {
        double most = 1, error = 0;
        for (size_t i = 0; i < values.size(); ++i) {
          const double want = expected.at(name)[i];
          most = std::max(most, std::fabs(want));
          error = std::max(error, std::fabs(values[i] - want));
        }
        if (!(error <= 1e-2 * most))
          check::Fail(__FILE__, __LINE__, forward, ", ", backward, ": ", name, " is off by ",
                      error);
      }
    }
  }
}

TEST(CudaPersistentHasTheSameBitsRecomputed) {
  for (const bool bf16 : {true, false}) {
    const auto engine = cuda::MakeEngine({.tf32 = !bf16});
    LstmVariant variant{"kept", bf16, With(kZoneout, {{"plan", "persistent"}}), kLengths};
    const LstmValues expected = RunVariant(variant, engine);
    for (const double steps : {1.0, 4.0, 99.0}) {
      variant.options["recompute"] = steps;
      CheckSameBits(RunVariant(variant, engine), expected,
                    std::to_string(steps) + " steps recomputed");
    }
  }
}

}  // namespace
}  // namespace bnlstm
