#include "cuda/engine.h"
#include "cuda/launch.h"
#include "emulator_fixture.h"
#include "lstm_variant.h"

// Blocks of the persistent plan that wait for what never comes, as if another had no place on the
// device: the run ends by itself, and as an error.
namespace bnlstm {
namespace {

const char* const kMessage =
    "a persistent kernel on cuda:0 has waited for its own blocks for too long; what it computed is "
    "lost, and this engine cannot be used any more. Is the GPU shared with something that keeps it "
    "busy for seconds? The plan 'steps' waits for nothing";

template <class Body>
void CheckGivesUp(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK_EQ(error.code(), std::string(kDevice));
    CHECK_EQ(std::string(error.what()), kMessage);
    return;
  }
  check::Fail(__FILE__, __LINE__, "nothing was thrown");
}

void RunOps(const std::shared_ptr<const Engine>& engine, const std::vector<OpArguments>& ops) {
  const std::atomic<bool> cancelled{false};
  engine->Compile(ops)->Run({0, &cancelled});
}

/// In every kernel, whichever block is missing: of units, without any, of another group.
TEST(CudaWaitsEndAndAreErrors) {
  const EmulatorSettings restore;
  emulator::SetMultiprocessors(8);
  for (const bool bf16 : {true, false}) {
    const LstmVariant variant{"", bf16, {{"plan", "persistent"}}, {}, 5, 4, 2, 34};
    const cuda::EngineOptions options{.tf32 = !bf16};
    const LstmValues expected = RunVariant(variant, cuda::MakeEngine(options));
    for (const int64_t lost : {0, 4, 7}) {
      for (const bool backward : {false, true}) {
        const auto engine = cuda::MakeEngine(options);
        const LstmRun run(RandomLstm(variant), engine);
        const std::vector<OpArguments>& ops = run.ops();
        RunOps(engine, {ops[0], ops[1]});
        emulator::LoseStores(lost);
        CheckGivesUp([&] { RunOps(engine, {backward ? ops[2] : ops[1]}); });
        emulator::LoseStores(-1);

        // What was computed is lost, whoever used the device at the time.
        CheckGivesUp([&] { run.Run(0); });
        CheckGivesUp([&] { RunOps(engine, {ops[0]}); });
        CheckSameBits(RunVariant(variant, cuda::MakeEngine(options)), expected, "another engine");
      }
    }
  }
}

TEST(CudaRunsThatAreTimedOrInFlightGiveUpToo) {
  const EmulatorSettings restore;
  const LstmVariant variant{"", true, {{"plan", "persistent"}}};
  for (const std::string how : {"timed", "profiled", "in flight"}) {
    const auto engine = cuda::MakeEngine({});
    const LstmRun run(RandomLstm(variant), engine);
    const auto executable = engine->Compile(run.ops());
    const std::atomic<bool> cancelled{false};
    std::vector<double> seconds;
    emulator::LoseStores(1);
    CheckGivesUp([&] {
      if (how == "timed") {
        executable->TimedRun({0, &cancelled});
      } else if (how == "profiled") {
        executable->Run({0, &cancelled, &seconds});
      } else {
        executable->Start({}, {}, {0, &cancelled});
        executable->Start({}, {}, {0, &cancelled});
        CheckGivesUp([&] { executable->Finish(); });
        executable->Finish();
      }
    });
    emulator::LoseStores(-1);
  }
}

TEST(CudaPlanOfStepsWaitsForNothing) {
  const EmulatorSettings restore;
  LstmVariant variant{"", true, {{"plan", "steps"}}};
  const auto engine = cuda::MakeEngine({});
  const LstmValues expected = RunVariant(variant, engine);
  emulator::LoseStores(0);
  CheckSameBits(RunVariant(variant, engine), expected, "with a block that is lost");
}

TEST(CudaLaunchesTogetherOrNotAtAll) {
  const EmulatorSettings restore;
  emulator::SetMultiprocessors(2);
  const EmulatorStream stream;
  cuda::Context context;
  context.stream = stream;
  int ran = 0;
  void (*const count)(int*) = [](int* to) { ++*to; };
  try {
    cuda::LaunchTogether(context, {3, 32, 100 << 10}, count, &ran);
    check::Fail(__FILE__, __LINE__, "three blocks on two multiprocessors");
  } catch (const Error& error) {
    CHECK_EQ(error.code(), std::string(kDevice));
    CHECK(std::string(error.what()).find("a persistent kernel") != std::string::npos);
    CHECK(std::string(error.what()).find("cudaErrorCooperativeLaunchTooLarge") !=
          std::string::npos);
  }
  cuda::LaunchTogether(context, {2, 32, 100 << 10}, count, &ran);
  stream.Synchronize();
  CHECK_EQ(ran, 64);
}

}  // namespace
}  // namespace bnlstm
