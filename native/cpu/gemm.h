#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "cpu/engine.h"

namespace bnlstm::cpu {

/// A matrix where it lies: element (i, j) is at i * row + j * column. Swapping the strides
/// transposes it.
struct Matrix {
  const void* data;
  int64_t row, column;
  DType dtype = DType::kF32;  // or kBF16
};

/// A result: rows `row` elements apart.
struct MatrixResult {
  void* data;
  int64_t row;
  DType dtype = DType::kF32;
};

/// c = a b + bias. a is [m][k], b [k][n], bias [n] or null; c [m][n] is overwritten. Nothing
/// aliases c. `rounded`: the elements of a and b enter as bf16, whatever their type.
///
/// An element is one sum in the order of cpu/simd/product.h, then the bias: the same bits wherever
/// its row and column lie and however large m and n are.
void Gemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, MatrixResult c,
          bool rounded, const Context& context);

}  // namespace bnlstm::cpu
