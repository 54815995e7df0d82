#pragma once

#include <cstdint>

#include "cpu/engine.h"

namespace bnlstm::cpu {

/// A matrix where it lies: element (i, j) is data[i * row + j * column]. Swapping the strides
/// transposes it.
struct Matrix {
  const float* data;
  int64_t row, column;
};

/// c = a b + bias. a is [m][k], b [k][n], bias [n] or null; c [m][n] has rows `stride` apart and
/// is overwritten. Nothing aliases c.
///
/// An element is the sum over k in order, in blocks of kGemmDepth which are added in order, then
/// the bias: the same bits wherever its row and column lie and however large m and n are.
void Gemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, float* c,
          int64_t stride, const Context& context);

inline constexpr int64_t kGemmDepth = 256;

}  // namespace bnlstm::cpu
