// Products of words of two bf16 on AMX: 2 x 2 tiles of c (32 rows by 32 columns) over the whole
// depth, which is a multiple of 16 words, as is that of every block of `left`. Reads `left` and
// writes c up to a multiple of 16 rows. An element is the sum of its tiles in the order of k; within
// a tile the instruction decides.
#if defined(BNLSTM_ISA_AMX) || defined(BNLSTM_EMULATE_AMX)
#include "cpu/simd/product.h"
#include "cpu/simd/tiles.h"

namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {
namespace {

constexpr int kSide = 16;  // rows of a tile, and words of one of its rows

/// c: tiles 0 to 3, [row tile][column tile]; left: 4 and 5; right: 6 and 7.
template <int kRowTiles, int kColumnTiles>
BNLSTM_INLINE void TilesOfC(const Product& p, int64_t row, int vector) {
  float* const c = p.c + row * p.c_row + vector * kSide;
  const int64_t next = kSide * p.c_row;
  if (p.add) {
    LoadTile<0>(c, p.c_row);
    if constexpr (kColumnTiles == 2) LoadTile<1>(c + kSide, p.c_row);
    if constexpr (kRowTiles == 2) LoadTile<2>(c + next, p.c_row);
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) LoadTile<3>(c + next + kSide, p.c_row);
  } else {
    Zero<0>();
    if constexpr (kColumnTiles == 2) Zero<1>();
    if constexpr (kRowTiles == 2) Zero<2>();
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) Zero<3>();
  }
  const float* const rows = p.left + row * p.left_row;
  for (int64_t k = 0; k < p.depth; k += kSide) {
    const int64_t block = p.block_depth > k ? 0 : k / p.block_depth;
    const float* const left = rows + block * p.block_stride + (k - block * p.block_depth);
    const float* const right = p.right + k * p.right_depth + vector * kSide;
    LoadTile<4>(left, p.left_row);
    LoadTile<6>(right, p.right_depth);
    MultiplyTiles<0, 4, 6>();
    if constexpr (kColumnTiles == 2) {
      LoadTile<7>(right + kSide, p.right_depth);
      MultiplyTiles<1, 4, 7>();
    }
    if constexpr (kRowTiles == 2) {
      LoadTile<5>(left + kSide * p.left_row, p.left_row);
      MultiplyTiles<2, 5, 6>();
    }
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) MultiplyTiles<3, 5, 7>();
  }
  StoreTile<0>(c, p.c_row);
  if constexpr (kColumnTiles == 2) StoreTile<1>(c + kSide, p.c_row);
  if constexpr (kRowTiles == 2) StoreTile<2>(c + next, p.c_row);
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) StoreTile<3>(c + next + kSide, p.c_row);
}

template <int kColumnTiles>
BNLSTM_INLINE void Columns(const Product& p, int vector) {
  int64_t row = 0;
  for (; row + kSide < p.rows; row += 2 * kSide) TilesOfC<2, kColumnTiles>(p, row, vector);
  if (row < p.rows) TilesOfC<1, kColumnTiles>(p, row, vector);
}

}  // namespace

void MultiplyBf16Words(const Product& p) {
  Configure();
  int vector = 0;
  for (; vector + 2 <= p.vectors; vector += 2) Columns<2>(p, vector);
  if (vector < p.vectors) Columns<1>(p, vector);
  Release();
}

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
#endif
