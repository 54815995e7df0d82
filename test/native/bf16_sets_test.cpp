// Forward and backward in bf16 on every instruction set, and on AMX with its tiles emulated: as on
// the portable set, which rounds where they do, but for the order of sums. All memory begins as NaN.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "cpu/engine.h"
#include "emulated_amx.h"
#include "golden_cases.h"
#include "random.h"

namespace bnlstm {
namespace {

std::vector<std::shared_ptr<Engine>> OtherEngines() {
  std::vector<std::shared_ptr<Engine>> engines;
  for (const cpu::InstructionSet& set : cpu::InstructionSets())
    if (set.kernels && set.kernels != &cpu::kKernels)
      engines.push_back(cpu::MakeEngine(*set.kernels));
  if (const cpu::Kernels* emulated = EmulatedAmx()) engines.push_back(cpu::MakeEngine(*emulated));
  return engines;
}

bool IsGradient(const std::string& name) { return name[0] == 'd'; }

double Largest(const std::vector<float>& values) {
  double largest = 0;
  for (const float value : values)
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

/// Where a sum falls to the other side of a tie, a single value is off by 2^-8 of itself, and what
/// follows a little: so the bound of an element is loose, that of their mean square close.
void CheckAgree(const std::string& what, const LstmRun& run, const LstmRun& expected) {
  double gradients = 0;
  for (const std::string& name : expected.outputs())
    if (IsGradient(name)) gradients = std::max(gradients, Largest(expected.Values(name)));
  for (const std::string& name : expected.outputs()) {
    const std::vector<float> got = run.Values(name), want = expected.Values(name);
    CHECK_EQ(got.size(), want.size());
    // A gradient that is zero but for rounding is measured by the others.
    const double own = Largest(want), floor = IsGradient(name) ? 1e-2 * gradients : 1;
    const double scale = std::max(own, floor);
    double squares = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      const double error = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
      squares += error * error;
      if (!(error <= 1e-2 * scale))
        check::Fail(__FILE__, __LINE__, what, ": ", name, " [", i, "] is ", got[i], ", expected ",
                    want[i], " of ", scale);
    }
    const double mean = std::sqrt(squares / static_cast<double>(want.size()));
    if (!(mean <= 1e-3 * scale))
      check::Fail(__FILE__, __LINE__, what, ": ", name, " is off by ", mean,
                  " in the mean square, of ", scale);
  }
}

void CheckSameBits(const std::string& what, const LstmRun& run, const LstmRun& expected) {
  for (const std::string& name : expected.outputs())
    if (run.Values(name) != expected.Values(name))
      check::Fail(__FILE__, __LINE__, what, ": ", name, " has other bits");
}

void CheckCase(const std::string& name, const LstmCase& given) {
  LstmRun expected(given, cpu::MakeEngine(cpu::kKernels));
  expected.Run(1);
  for (const auto& engine : OtherEngines()) {
    LstmRun alone(given, engine), team(given, engine);
    alone.Run(1);
    CheckAgree(engine->name() + ": " + name, alone, expected);
    team.Run(3);
    CheckSameBits(engine->name() + ": " + name + ", 3 threads", team, alone);
  }
}

struct Dimensions {
  int64_t T, B, D, H, R;
  bool tokens = false, lengths = false;
  const char* norm = "batch";
  const char* input_statistics = "step";
};

LstmCase RandomCase(const Dimensions& d, Random& random) {
  LstmCase made{.T = d.T, .B = d.B, .D = d.D, .H = d.H, .R = d.R, .bf16 = true};
  made.options = {{"norm", d.norm}, {"inputStatistics", d.input_statistics}, {"eps", 0.1}};
  const int64_t gates = d.R * 4 * d.H, states = d.B * d.R * d.H;
  auto& given = made.given;
  given["wx"] = random.Normals(d.D * gates, d.tokens ? 0.6 : 0.6 / std::sqrt(d.D));
  given["wh"] = random.Normals(d.H * gates, 1 / std::sqrt(d.H));
  given["b"] = random.Normals(gates, 0.3);
  if (std::string(d.norm) == "batch") {
    given["gammaX"] = random.Uniforms(gates, 0.05, 0.6);
    given["gammaH"] = random.Uniforms(gates, 0.05, 0.6);
    given["gammaC"] = random.Uniforms(d.R * d.H, 0.05, 0.6);
    given["betaC"] = random.Normals(d.R * d.H, 0.1);
  }
  given["h0"] = random.Normals(states, 0.3);
  given["c0"] = random.Normals(states, 0.3);
  if (d.tokens) {
    for (int64_t i = 0; i < d.T * d.B; ++i)
      given["tokens"].push_back(static_cast<double>(random.Between(0, d.D - 1)));
  } else {
    given["x"] = random.Normals(d.T * d.B * d.D, 1);
  }
  for (int64_t n = 0; n < d.B && d.lengths; ++n)
    given["lengths"].push_back(static_cast<double>(n == 0 ? d.T : random.Between(0, d.T)));
  given["dy"] = random.Normals(d.T * states, 1);
  given["dhT"] = random.Normals(states, 1);
  given["dcT"] = random.Normals(states, 1);
  return made;
}

TEST(Bf16GoldenCasesOnEverySet) {
  for (const GoldenCase& golden : GoldenCases()) {
    // Variance 0 in its first steps: what is rounded is amplified beyond every bound.
    if (golden.name == "constant_prefix") continue;
    LstmCase made = CaseOf(golden);
    made.bf16 = true;
    CheckCase(golden.name, made);
  }
}

TEST(Bf16OddShapesOnEverySet) {
  Random random(40);
  int count = 0;
  for (const int64_t B : {1, 5, 17, 33})
    for (const int64_t H : {1, 7, 16, 33, 100})
      for (const int64_t D : {1, 3, 32, 64}) {
        const Dimensions d{.T = 1 + (count * 5 + 2) % 6,
                           .B = B,
                           .D = D,
                           .H = H,
                           .R = 1 + count % 2,
                           .tokens = count % 5 == 3,
                           .lengths = count % 3 == 1,
                           .norm = count % 7 == 6 || B == 1 ? "none" : "batch",
                           .input_statistics = count % 4 == 2 ? "sequence" : "step"};
        ++count;
        std::string name = "T " + std::to_string(d.T) + ", B " + std::to_string(B) + ", D " +
                           std::to_string(D) + ", H " + std::to_string(H) + ", " +
                           std::to_string(d.R) + " directions, norm " + d.norm + ", " +
                           d.input_statistics;
        if (d.tokens) name += ", tokens";
        if (d.lengths) name += ", lengths";
        CheckCase(name, RandomCase(d, random));
      }
}

// Chunks are of whole gradient runs, which are short if the batch is large.
TEST(Bf16RecomputedBitsOnEverySet) {
  Random random(41);
  for (const int64_t H : {7, 33})
    for (const bool lengths : {false, true}) {
      const LstmCase kept =
          RandomCase({.T = 7, .B = 130, .D = 20, .H = H, .R = 2, .lengths = lengths}, random);
      LstmCase again = kept;
      again.options["recompute"] = 2.0;
      for (const auto& engine : OtherEngines()) {
        LstmRun expected(kept, engine), run(again, engine);
        expected.Run(1);
        run.Run(2);
        CHECK(run.bytes("saved") < expected.bytes("saved") / 3);
        CheckSameBits(engine->name() + ", recomputed", run, expected);
      }
    }
}

}  // namespace
}  // namespace bnlstm
