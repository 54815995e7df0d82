#pragma once

#include <map>
#include <string>

#include "core/engine.h"

namespace bnlstm {

/// A bnLstm of which only the sizes are asked.
struct Shapes {
  int64_t T, B, D, H, R;
  bool bf16 = false, tokens = false, plain = false;
};

/// Bytes of `saved`; `options` in place of, or beside, those of an op that keeps everything.
inline size_t Saved(const Engine& engine, const Shapes& s,
                    const std::map<std::string, Option>& options = {}) {
  const DType real = s.bf16 ? DType::kBF16 : DType::kF32;
  OpArguments op{"bnLstm",
                 {},
                 {{"hidden", static_cast<double>(s.H)},
                  {"directions", static_cast<double>(s.R)},
                  {"vocabulary", static_cast<double>(s.D)},
                  {"dtype", s.bf16 ? "bf16" : "f32"},
                  {"norm", s.plain ? "none" : "batch"},
                  {"statistics", "batch"},
                  {"inputStatistics", "step"},
                  {"lengthStatistics", "valid"},
                  {"initialState", "learned"},
                  {"zoneout", "expect"},
                  {"eps", 1e-5}}};
  for (const auto& [name, value] : options) op.options[name] = value;
  const auto add = [&](const char* name, DType dtype, const Shape& shape) {
    op.operands[name] = {dtype, shape, nullptr, true};
  };
  if (s.tokens) add("tokens", DType::kI32, {s.T, s.B});
  if (!s.tokens) add("x", real, {s.T, s.B, s.D});
  for (const char* name : {"b", "gammaX", "gammaH"}) add(name, DType::kF32, {s.R, 4 * s.H});
  for (const char* name : {"gammaC", "betaC"}) add(name, DType::kF32, {s.R, s.H});
  for (const char* name : {"h0", "c0"}) add(name, DType::kF32, {s.R * s.H});
  for (const char* name : {"recurrentMean", "recurrentVar", "inputMean", "inputVar"})
    add(name, DType::kF32, {s.R, s.T, 4 * s.H});
  for (const char* name : {"cellMean", "cellVar"}) add(name, DType::kF32, {s.R, s.T, s.H});
  for (const char* name : {"packed", "saved"}) add(name, DType::kU8, {0});
  return engine.Sizes(op).saved;
}

inline int64_t Up(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

}  // namespace bnlstm
