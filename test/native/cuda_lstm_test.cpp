#include <cmath>
#include <cstring>

#include "cuda/engine.h"
#include "emulator_fixture.h"
#include "lstm_run.h"
#include "random.h"

// A BN-LSTM forward and backward whose outputs begin as NaN: each is written, and has the same bits in
// whichever order the device does its work.
namespace bnlstm {
namespace {

struct Variant {
  std::string name;
  bool bf16 = false;
  std::map<std::string, Option> options{};
  std::vector<double> lengths{};
};

LstmCase Make(const Variant& variant) {
  constexpr int64_t T = 7, B = 11, D = 3, H = 10;
  LstmCase made{.T = T, .B = B, .D = D, .H = H, .bf16 = variant.bf16, .options = variant.options};
  const auto found = variant.options.find("directions");
  const auto R = found == variant.options.end()
                     ? int64_t{1}
                     : static_cast<int64_t>(std::get<double>(found->second));
  made.R = R;
  made.options.erase("directions");
  Random random(3);
  made.given = {{"wx", random.Normals(R * D * 4 * H, 0.4)},
                {"wh", random.Normals(R * H * 4 * H, 0.3)},
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
  if (!variant.lengths.empty()) made.given["lengths"] = variant.lengths;
  if (variant.options.count("seedLow")) made.given["attempt"] = {5};
  return made;
}

const std::vector<Variant> kVariants = {
    {"plain"},
    {"bf16", true},
    {"lengths, two directions", false, {{"directions", 2.0}}, {7, 1, 4, 7, 2, 6, 3, 7, 5, 7, 7}},
    {"recomputed, zoneout",
     false,
     {{"recompute", 2.0},
      {"zoneout", "sample"},
      {"zoneoutC", 0.3},
      {"zoneoutH", 0.2},
      {"seedLow", 9.0},
      {"stream", 40.0}}},
    {"statistics of the sequence", true, {{"inputStatistics", "sequence"}}},
    {"inputs recomputed", true, {{"recomputeInputs", true}, {"inputStatistics", "sequence"}}},
};

std::vector<std::vector<float>> Outputs(const LstmCase& given, const std::string& what) {
  const LstmRun run(given, cuda::MakeEngine({}));
  run.Run(0);
  std::vector<std::vector<float>> values;
  for (const std::string& name : run.outputs()) {
    values.push_back(run.Values(name));
    for (const float value : values.back()) {
      if (!std::isfinite(value))
        check::Fail(__FILE__, __LINE__, what, ": ", name, " is not finite");
    }
  }
  CHECK(values.size() > 15);
  return values;
}

TEST(CudaLstmHasTheSameBitsInAnyOrder) {
  const EmulatorSettings restore;
  for (const Variant& variant : kVariants) {
    const LstmCase given = Make(variant);
    emulator::SetSeed(0);  // blocks and lanes in their natural order
    const auto expected = Outputs(given, variant.name);
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      emulator::SetSeed(seed);
      emulator::SetMultiprocessors(1 + static_cast<int>(seed));
      const auto found = Outputs(given, variant.name);
      for (size_t i = 0; i < found.size(); ++i) {
        if (std::memcmp(found[i].data(), expected[i].data(), found[i].size() * sizeof(float)) != 0)
          check::Fail(__FILE__, __LINE__, variant.name, ": output ", i, " with seed ", seed);
      }
    }
  }
}

}  // namespace
}  // namespace bnlstm
