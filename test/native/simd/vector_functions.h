#pragma once

#include <cstdint>

namespace bnlstm::cpu {

/// The functions of cpu/simd/vector.h over arrays; `count` is a multiple of `lanes`.
struct VectorFunctions {
  using Function = void (*)(const float* x, float* y, int64_t count);
  int lanes;
  Function exp, sigmoid, tanh, reciprocal, inverse_root;
  void (*to_bf16)(const float* x, uint16_t* y, int64_t count);
  void (*from_bf16)(const uint16_t* x, float* y, int64_t count);
};

/// Those of one instruction set, for whole vectors and (the same, where there are none) half ones.
struct VectorProbe {
  VectorFunctions whole, half;
};

}  // namespace bnlstm::cpu
