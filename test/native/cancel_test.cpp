#include <chrono>
#include <cmath>
#include <thread>

#include "check.h"
#include "cpu/engine.h"
#include "cpu/instruction_sets.h"
#include "lstm_run.h"
#include "random.h"

namespace bnlstm {
namespace {

LstmCase Case(int64_t T, int64_t B, std::map<std::string, Option> options) {
  LstmCase made{.T = T, .B = B, .D = 2, .H = 40, .options = std::move(options)};
  Random random(5);
  const int64_t gates = 4 * made.H, states = B * made.H;
  auto& given = made.given;
  given["wx"] = random.Normals(made.D * gates, 0.5);
  given["wh"] = random.Normals(made.H * gates, 0.2);
  for (const char* name : {"b", "gammaX", "gammaH"}) given[name] = random.Normals(gates, 0.3);
  for (const char* name : {"gammaC", "betaC"}) given[name] = random.Normals(made.H, 0.3);
  for (const char* name : {"h0", "c0"}) given[name] = random.Normals(states, 0.3);
  given["x"] = random.Normals(T * B * made.D, 1);
  given["dy"] = random.Normals(T * states, 1);
  return made;
}

/// A member that misses what the others have seen would be waited for for ever: the test then does
/// not end.
TEST(CancelledAtAnyMoment) {
  const auto engine = cpu::MakeEngine(cpu::BestKernels());
  for (const LstmCase& given :
       {Case(4, 300, {{"recompute", 2.0}}),
        Case(2, 30, {{"inputStatistics", std::string("sequence")}}), Case(6, 30, {})}) {
    const LstmRun run(given, engine);
    Random random(6);
    for (int attempt = 0; attempt < 150; ++attempt) {
      std::atomic<bool> cancelled{false};
      const auto pause = std::chrono::microseconds(random.Between(0, 3000));
      std::thread canceller([&] {
        std::this_thread::sleep_for(pause);
        cancelled = true;
      });
      run.Run(8, cancelled);
      canceller.join();
    }
    run.Run(8);
    for (const float value : run.Values("dwh")) CHECK(std::isfinite(value));
  }
}

}  // namespace
}  // namespace bnlstm
