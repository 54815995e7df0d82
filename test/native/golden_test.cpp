#include <cmath>
#include <cstdlib>

#include "bits.h"
#include "check.h"
#include "cpu/engine.h"
#include "cpu/instruction_sets.h"
#include "golden_cases.h"

namespace bnlstm {
namespace {

/// Every element within `absolute` or `relative` times the tensor's largest. NaN never is.
void Compare(const std::string& what, const std::vector<float>& values,
             const std::vector<double>& expected, double absolute, double relative) {
  CHECK_EQ(values.size(), expected.size());
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  const double tolerance = std::max(absolute, relative * largest);
  for (size_t i = 0; i < values.size(); ++i) {
    const double error = std::abs(static_cast<double>(values[i]) - expected[i]);
    if (!(error <= tolerance)) {
      check::Fail(__FILE__, __LINE__, what, " [", i, "] is ", values[i], ", expected ", expected[i],
                  ", tolerance ", tolerance);
    }
  }
}

/// The last step of a tensor [T][N][H].
std::vector<double> LastStep(const GoldenTensor& all) {
  const auto size = static_cast<std::ptrdiff_t>(all.shape[1] * all.shape[2]);
  return {all.values.end() - size, all.values.end()};
}

/// docs/paper.md 6.1. With variance 0 in the first steps, 1/sqrt(eps) amplifies rounding: Wx is there a
/// difference of terms a million times as large.
double GradientTolerance(const std::string& name, const std::string& key) {
  if (name != "constant_prefix") return 1e-5;
  if (key == "Wx") return 1e30;  // finite is enough
  return key == "b" || key == "beta_c" ? 1e-2 : 1e-3;
}

void CheckCase(const GoldenCase& golden, const LstmRun& run, const std::string& device) {
  const auto compare = [&](const std::string& operand, const std::vector<double>& expected,
                           double absolute, double relative) {
    Compare(device + ": " + golden.name + ": " + operand, run.Values(operand), expected, absolute,
            relative);
  };
  compare("y", golden.Get("expect.h").values, 1e-6, 0);
  compare("cAll", golden.Get("expect.c").values, 1e-6, 0);
  compare("hT", LastStep(golden.Get("expect.h")), 1e-6, 0);
  compare("cT", LastStep(golden.Get("expect.c")), 1e-6, 0);
  if (golden.Text("mode", "train") != "infer") {
    for (const auto& [operand, key] : kGoldenStatistics) {
      compare(operand, golden.Get("expect.stats." + key).values, 1e-6, 1e-6);
    }
  }
  for (const auto& [operand, key] : {std::pair("dwx", "Wx"),
                                     {"dwh", "Wh"},
                                     {"db", "b"},
                                     {"dgammaX", "gamma_x"},
                                     {"dgammaH", "gamma_h"},
                                     {"dgammaC", "gamma_c"},
                                     {"dbetaC", "beta_c"},
                                     {"dx", "X"},
                                     {"dh0", "h0_rows"},
                                     {"dc0", "c0_rows"}}) {
    const double tolerance = GradientTolerance(golden.name, key);
    compare(operand, golden.Get(std::string("expect.grads.") + key).values, 1e-9, tolerance);
  }
}

/// An engine for each instruction set that this machine runs.
std::vector<std::shared_ptr<Engine>> Engines() {
  std::vector<std::shared_ptr<Engine>> engines;
  for (const cpu::InstructionSet& set : cpu::InstructionSets())
    if (set.kernels) engines.push_back(cpu::MakeEngine(*set.kernels));
  return engines;
}

TEST(GoldenCases) {
  const auto cases = GoldenCases();
  CHECK(cases.size() >= 12);
  for (const auto& engine : Engines())
    for (const GoldenCase& golden : cases) {
      const LstmRun run(CaseOf(golden), engine);
      run.Run(0);
      CheckCase(golden, run, engine->name());
    }
}

TEST(GoldenBitsForAnyThreads) {
  for (const auto& engine : Engines())
    for (const GoldenCase& golden : GoldenCases()) {
      const LstmRun alone(CaseOf(golden), engine);
      alone.Run(1);
      for (const int threads : {2, 5}) {
        const LstmRun team(CaseOf(golden), engine);
        team.Run(threads);
        for (const char* operand :
             {"y", "cAll", "dwx", "dwh", "db", "dx", "dh0", "dc0", "dgammaC"}) {
          if (team.Values(operand) != alone.Values(operand)) {
            check::Fail(__FILE__, __LINE__, engine->name(), ": ", golden.name, ": ", operand,
                        " differs with ", threads, " threads");
          }
        }
      }
    }
}

BITS(Golden) {
  bits::Lines lines;
  for (const GoldenCase& golden : GoldenCases()) {
    const LstmRun run(CaseOf(golden), Engines().front());  // the portable one
    run.Run(0);
    bits::Hash hash;
    for (const char* operand : {"y", "cAll", "hT", "cT", "dwx", "dwh", "db", "dgammaX", "dgammaH",
                                "dgammaC", "dbetaC", "dx", "dh0", "dc0"}) {
      hash.Add(run.Values(operand));
    }
    lines.emplace_back(golden.name, hash.value());
  }
  return lines;
}

}  // namespace
}  // namespace bnlstm
