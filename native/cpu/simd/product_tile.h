#pragma once

#include "cpu/simd/product.h"
#include "cpu/simd/vector.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {

// A tile of c that is summed in registers: of thirty-two registers 6 x 4 sums, four vectors of
// `right` and one element of `left`; of sixteen 6 x 2. Fewer vectors leave room for more rows.
inline constexpr int kTileVectors = kLanes == 16 ? 4 : 2;
constexpr int TileRows(int vectors) {
  if (kTileVectors == 2) return vectors == 2 ? 6 : 8;
  return vectors == 4 ? 6 : vectors == 3 ? 8 : 12;
}

/// `begin`..`end` of the depth, within whole blocks of kDepthBlock.
template <class Multiply, class V, int kRows, int kVectors>
BNLSTM_INLINE void Tile(const Product& p, int64_t row, int vector, int64_t begin, int64_t end) {
  constexpr int L = kLanesOf<V>;
  V sum[kRows][kVectors];
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < kVectors; ++v) sum[i][v] = Splat<V>(0);
  const float* right = p.right + begin * p.right_depth + vector * L;
  for (int64_t k = begin; k < end;) {
    const int64_t block = p.block_depth > k ? 0 : k / p.block_depth;
    const int64_t at = k - block * p.block_depth;
    const int64_t rest = p.block_depth - at;
    const int64_t count = rest < end - k ? rest : end - k;
    const float* left = p.left + block * p.block_stride + row * p.left_row + at * p.left_depth;
    for (int64_t i = 0; i < count; ++i) {
      V w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = Load<V>(right + v * L);
      for (int r = 0; r < kRows; ++r) {
        const V x = Splat<V>(left[r * p.left_row]);
        for (int v = 0; v < kVectors; ++v)
          sum[r][v] = Multiply::template Add<V>(sum[r][v], x, w[v]);
      }
      left += p.left_depth;
      right += p.right_depth;
    }
    k += count;
  }
  for (int r = 0; r < kRows; ++r) {
    float* c = p.c + (row + r) * p.c_row + vector * L;
    for (int v = 0; v < kVectors; ++v) {
      if (p.add || begin > 0) sum[r][v] = Load<V>(c + v * L) + sum[r][v];
      Store<V>(c + v * L, sum[r][v]);
    }
  }
}

/// The last rows, fewer than a tile's.
template <class Multiply, class V, int kRows, int kVectors>
BNLSTM_INLINE void LastRows(const Product& p, int64_t row, int vector, int64_t begin, int64_t end) {
  if constexpr (kRows > 0) {
    if (p.rows - row == kRows)
      return Tile<Multiply, V, kRows, kVectors>(p, row, vector, begin, end);
    LastRows<Multiply, V, kRows - 1, kVectors>(p, row, vector, begin, end);
  }
}

template <class Multiply, class V, int kVectors>
BNLSTM_INLINE void Rows(const Product& p, int vector, int64_t begin, int64_t end) {
  constexpr int kRows = TileRows(kVectors);
  int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows)
    Tile<Multiply, V, kRows, kVectors>(p, row, vector, begin, end);
  LastRows<Multiply, V, kRows - 1, kVectors>(p, row, vector, begin, end);
}

template <class Multiply, class V>
BNLSTM_INLINE void Blocks(const Product& p) {
  for (int64_t begin = 0; begin < p.depth; begin += kDepthBlock) {
    const int64_t end = begin + kDepthBlock < p.depth ? begin + kDepthBlock : p.depth;
    int vector = 0;
    for (; vector + kTileVectors <= p.vectors; vector += kTileVectors)
      Rows<Multiply, V, kTileVectors>(p, vector, begin, end);
    if constexpr (kTileVectors == 4) {
      if (p.vectors - vector == 3) Rows<Multiply, V, 3>(p, vector, begin, end);
      if (p.vectors - vector == 2) Rows<Multiply, V, 2>(p, vector, begin, end);
    }
    if (p.vectors - vector == 1) Rows<Multiply, V, 1>(p, vector, begin, end);
  }
}

template <class Multiply>
BNLSTM_INLINE void Run(const Product& p) {
#ifdef BNLSTM_ISA_AVX512
  if (p.half) return Blocks<Multiply, Vec8>(p);
#endif
  Blocks<Multiply, Vec>(p);
}

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
