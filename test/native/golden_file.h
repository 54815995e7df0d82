#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace bnlstm {

struct GoldenTensor {
  Shape shape;
  std::vector<double> values;
};

/// A step case of the golden file; the keys are explained in export-golden.mjs.
struct GoldenCase {
  std::string name;
  std::map<std::string, std::string> texts;
  std::map<std::string, GoldenTensor> tensors;

  bool Has(const std::string& key) const { return tensors.count(key) > 0; }
  const GoldenTensor& Get(const std::string& key) const { return tensors.at(key); }
  std::string Text(const std::string& key, const std::string& absent) const {
    const auto found = texts.find(key);
    return found == texts.end() ? absent : found->second;
  }
};

/// Throws std::runtime_error for a file that is missing or not whole.
std::vector<GoldenCase> ReadGoldenFile(const std::string& path);

}  // namespace bnlstm
