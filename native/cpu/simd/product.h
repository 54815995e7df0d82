#pragma once

#include <cstdint>

namespace bnlstm::cpu {

/// The one product that the recurrent kernels and the GEMMs are made of:
///
///     c[i][n] (+)= sum over k of left[i][k] right[k][n],  n in `vectors` vectors of lanes
///
/// An element of `left` is spread over the lanes, a row of `right` fills them. Both are made of
/// words of 32 bits: an f32, or two bf16 that are neighbours along k (the lower half first); depth
/// counts words. `left` may be cut along k into blocks that lie apart.
///
/// Order of the sum: blocks of kDepthBlock words are summed from zero, k ascending, and added to c
/// one after the other. It depends on nothing but the depth, so equal rows have equal bits wherever
/// they are and whoever computes them. (AMX sums without blocks: native/cpu/simd/product_amx.cpp.)
struct Product {
  int64_t rows = 0, depth = 0;

  const float* left =
      nullptr;  // word k of row i: left + block k/block_depth, then i left_row + ...
  int64_t left_row = 0, left_depth = 1;
  int64_t block_depth = INT64_MAX, block_stride = 0;

  const float* right = nullptr;  // word n at depth k: right + k right_depth + n
  int64_t right_depth = 0;
  int vectors = 0;    // 1 to 4
  bool half = false;  // of half as many lanes

  float* c = nullptr;
  int64_t c_row = 0;
  bool add = false;  // to what c holds; else c need not be initialised
};

inline constexpr int64_t kDepthBlock = 128;
inline constexpr int kMaxVectors = 4;

}  // namespace bnlstm::cpu
