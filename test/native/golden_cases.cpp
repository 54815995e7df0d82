#include "golden_cases.h"

#include <cstdlib>
#include <stdexcept>

namespace bnlstm {

const std::vector<std::pair<std::string, std::string>> kGoldenStatistics = {
    {"recurrentMean", "a_mean"}, {"recurrentVar", "a_var"}, {"inputMean", "b_mean"},
    {"inputVar", "b_var"},       {"cellMean", "c_mean"},    {"cellVar", "c_var"}};

std::vector<GoldenCase> GoldenCases() {
  const char* path = std::getenv("BNLSTM_GOLDEN");
  if (!path) throw std::runtime_error("BNLSTM_GOLDEN must name what export-golden.mjs wrote");
  return ReadGoldenFile(path);
}

LstmCase CaseOf(const GoldenCase& golden) {
  const Shape& x = golden.Get("input.X").shape;
  LstmCase made{.T = x[0], .B = x[1], .D = x[2], .H = golden.Get("input.params.Wh").shape[0]};
  const bool population = golden.Text("mode", "train") == "infer";
  made.options = {{"statistics", population ? "population" : "batch"},
                  {"inputStatistics", golden.Text("input_norm", "step")},
                  {"lengthStatistics", golden.Text("stats", "all")},
                  {"eps", golden.Get("input.eps").values[0]}};
  for (const auto& [operand, key] : {std::pair("wx", "params.Wx"),
                                     {"wh", "params.Wh"},
                                     {"b", "params.b"},
                                     {"gammaX", "params.gamma_x"},
                                     {"gammaH", "params.gamma_h"},
                                     {"gammaC", "params.gamma_c"},
                                     {"betaC", "params.beta_c"},
                                     {"x", "X"},
                                     {"h0", "h0"},
                                     {"c0", "c0"},
                                     {"lengths", "lengths"},
                                     {"dy", "dh"},
                                     {"dcT", "dc_last"}}) {
    const std::string source = std::string("input.") + key;
    if (golden.Has(source)) made.given[operand] = golden.Get(source).values;
  }
  for (const auto& [operand, key] : kGoldenStatistics)
    if (population) made.given[operand] = golden.Get("input.pop." + key).values;
  return made;
}

}  // namespace bnlstm
