#pragma once

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "lstm_run.h"
#include "random.h"

namespace bnlstm {

using Options = std::map<std::string, Option>;

inline const Options kZoneout = {{"zoneout", "sample"},
                                 {"zoneoutC", 0.3},
                                 {"zoneoutH", 0.2},
                                 {"seedLow", 9.0},
                                 {"stream", 40.0}};

inline Options With(Options options, const Options& more) {
  options.insert(more.begin(), more.end());
  return options;
}

/// Sizes and options of an op, forward and backward, `directions` and `tokens` among them; the numbers
/// of its operands are random.
struct LstmVariant {
  std::string name;
  bool bf16 = false;
  Options options{};
  std::vector<double> lengths{};
  int64_t T = 7, B = 11, D = 3, H = 10;
};

inline LstmCase RandomLstm(const LstmVariant& variant) {
  const auto& [name, bf16, options, lengths, T, B, D, H] = variant;
  LstmCase made{.T = T, .B = B, .D = D, .H = H, .bf16 = bf16, .options = options};
  if (const auto found = options.find("directions"); found != options.end()) {
    made.R = static_cast<int64_t>(std::get<double>(found->second));
    made.options.erase("directions");
  }
  const int64_t R = made.R;
  Random random(3);
  made.given = {{"wx", random.Normals(R * D * 4 * H, 0.4)},
                {"wh", random.Normals(R * H * 4 * H, 1 / std::sqrt(static_cast<double>(H)))},
                {"b", random.Normals(R * 4 * H, 0.2)},
                {"gammaX", random.Uniforms(R * 4 * H, 0.1, 1)},
                {"gammaH", random.Uniforms(R * 4 * H, 0.1, 1)},
                {"gammaC", random.Uniforms(R * H, 0.1, 1)},
                {"betaC", random.Normals(R * H, 0.1)},
                {"x", random.Normals(T * B * D, 1)},
                {"h0", random.Normals(B * R * H, 0.5)},
                {"c0", random.Normals(B * R * H, 0.5)},
                {"dy", random.Normals(T * B * R * H, 1)},
                {"dhT", random.Normals(B * R * H, 1)},
                {"dcT", random.Normals(B * R * H, 1)}};
  if (const auto norm = options.find("norm"); norm != options.end()) {
    for (const char* gamma : {"gammaX", "gammaH", "gammaC"}) made.given.erase(gamma);
  }
  if (made.options.erase("tokens") > 0) {  // of a vocabulary of D
    made.given.erase("x");
    std::vector<double>& tokens = made.given["tokens"];
    for (int64_t i = 0; i < T * B; ++i) tokens.push_back(static_cast<double>(i * i % D));
  }
  if (!lengths.empty()) made.given["lengths"] = lengths;
  if (options.count("seedLow")) made.given["attempt"] = {5};
  return made;
}

using LstmValues = std::map<std::string, std::vector<float>>;

/// All outputs of a run, which began as NaN and must be finite.
inline LstmValues FiniteValues(const LstmRun& run, const std::string& what) {
  LstmValues values;
  for (const std::string& name : run.outputs()) {
    for (const float value : values[name] = run.Values(name)) {
      if (!std::isfinite(value))
        check::Fail(__FILE__, __LINE__, what, ": ", name, " is not finite");
    }
  }
  CHECK(values.size() > 10);
  return values;
}

inline LstmValues RunVariant(const LstmVariant& variant,
                             const std::shared_ptr<const Engine>& engine) {
  const LstmRun run(RandomLstm(variant), engine);
  run.Run(0);
  return FiniteValues(run, variant.name);
}

inline void CheckSameBits(const LstmValues& found, const LstmValues& expected,
                          const std::string& what) {
  CHECK_EQ(found.size(), expected.size());
  for (const auto& [name, values] : expected) {
    const std::vector<float>& got = found.at(name);
    CHECK_EQ(got.size(), values.size());
    if (std::memcmp(got.data(), values.data(), values.size() * sizeof(float)) != 0)
      check::Fail(__FILE__, __LINE__, what, ": ", name, " has other bits");
  }
}

}  // namespace bnlstm
