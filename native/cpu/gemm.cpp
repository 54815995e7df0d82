#include "cpu/gemm.h"

#include <algorithm>

#include "cpu/parallel.h"
#include "cpu/simd/clones.h"
#include "cpu/simd/vector.h"

namespace bnlstm::cpu {
namespace {

// A tile of c, kTileRows x kTileColumns, is summed in registers over a block of k. The tile's
// columns of b come from a packed copy (dense, zero beyond n) of kGemmDepth x kPanelColumns that
// stays in the second-level cache while all rows of a pass by; a is read where it lies.
constexpr int kTileRows = 6;
constexpr int kTileVectors = 2;
constexpr int kTileColumns = kTileVectors * kLanes;
constexpr int64_t kPanelColumns = 4 * kTileColumns;

struct Problem {
  int64_t k;
  Matrix a, b;
  const float* bias;
  float* c;
  int64_t stride;
};

/// The block of k that a panel covers.
struct Block {
  int64_t begin, depth;
};

void PackPanel(const Problem& p, Block block, int64_t column, int64_t columns, float* packed) {
  for (int64_t first = 0; first < columns; first += kTileColumns) {
    const int64_t width = std::min<int64_t>(kTileColumns, columns - first);
    const float* from = p.b.data + block.begin * p.b.row + (column + first) * p.b.column;
    float* to = packed + first * block.depth;
    if (width < kTileColumns) std::fill(to, to + block.depth * kTileColumns, 0.0f);
    if (p.b.column == 1) {
      for (int64_t i = 0; i < block.depth; ++i) {
        std::copy(from + i * p.b.row, from + i * p.b.row + width, to + i * kTileColumns);
      }
    } else {
      for (int64_t j = 0; j < width; ++j) {
        for (int64_t i = 0; i < block.depth; ++i) {
          to[i * kTileColumns + j] = from[i * p.b.row + j * p.b.column];
        }
      }
    }
  }
}

/// sums [Rows][kTileColumns]: the first rows of a times `depth` rows of a packed tile of b.
template <int Rows>
BNLSTM_INLINE void MultiplyTile(Matrix a, const float* packed, int64_t depth, float* sums) {
  Vec sum[Rows][kTileVectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < kTileVectors; ++v) sum[r][v] = Splat(0);
  }
  for (int64_t i = 0; i < depth; ++i) {
    Vec b[kTileVectors];
    for (int v = 0; v < kTileVectors; ++v) b[v] = Load(packed + i * kTileColumns + v * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const Vec x = Splat(a.data[r * a.row + i * a.column]);
      for (int v = 0; v < kTileVectors; ++v) sum[r][v] += x * b[v];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < kTileVectors; ++v) {
      Store(sums + r * kTileColumns + v * kLanes, sum[r][v]);
    }
  }
}

/// Rows [begin, end) of one panel of c.
BNLSTM_CLONES
void MultiplyPanel(const Problem& p, Block block, const float* packed, int64_t column,
                   int64_t columns, int64_t begin, int64_t end) {
  const bool first_block = block.begin == 0, last_block = block.begin + block.depth == p.k;
  float sums[kTileRows * kTileColumns];
  for (int64_t row = begin; row < end; row += kTileRows) {
    const int64_t rows = std::min<int64_t>(kTileRows, end - row);
    const Matrix a{p.a.data + row * p.a.row + block.begin * p.a.column, p.a.row, p.a.column};
    for (int64_t first = 0; first < columns; first += kTileColumns) {
      const float* b = packed + first * block.depth;
      switch (rows) {
        case 1:
          MultiplyTile<1>(a, b, block.depth, sums);
          break;
        case 2:
          MultiplyTile<2>(a, b, block.depth, sums);
          break;
        case 3:
          MultiplyTile<3>(a, b, block.depth, sums);
          break;
        case 4:
          MultiplyTile<4>(a, b, block.depth, sums);
          break;
        case 5:
          MultiplyTile<5>(a, b, block.depth, sums);
          break;
        default:
          MultiplyTile<kTileRows>(a, b, block.depth, sums);
      }
      const int64_t width = std::min<int64_t>(kTileColumns, columns - first);
      for (int64_t r = 0; r < rows; ++r) {
        float* c = p.c + (row + r) * p.stride + column + first;
        for (int64_t j = 0; j < width; ++j) {
          float value = sums[r * kTileColumns + j];
          if (!first_block) value = c[j] + value;
          if (last_block && p.bias) value += p.bias[column + first + j];
          c[j] = value;
        }
      }
    }
  }
}

/// The part of c in these rows and columns.
void Multiply(const Problem& p, Range rows, Range columns, const Context& context) {
  alignas(64) float packed[kGemmDepth * kPanelColumns];
  for (int64_t begin = 0; begin < p.k; begin += kGemmDepth) {
    const Block block{begin, std::min(kGemmDepth, p.k - begin)};
    for (int64_t column = columns.begin; column < columns.end; column += kPanelColumns) {
      if (context.Cancelled()) return;
      const int64_t width = std::min(kPanelColumns, columns.end - column);
      PackPanel(p, block, column, width, packed);
      MultiplyPanel(p, block, packed, column, width, rows.begin, rows.end);
    }
  }
}

}  // namespace

void Gemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, float* c,
          int64_t stride, const Context& context) {
  const Problem problem{k, a, b, bias, c, stride};
  // Rows are divided if there are enough, since each member packs all its columns itself.
  const bool by_rows = m >= 4 * kTileRows * context.threads || m >= n;
  const int64_t tile = by_rows ? kTileRows : kTileColumns;
  const int64_t extent = by_rows ? m : n;
  const int64_t tiles = (extent + tile - 1) / tile;
  const double operations = 2.0 * static_cast<double>(by_rows ? n : m) * static_cast<double>(k);
  ParallelFor(context, tiles, operations * static_cast<double>(tile), [&](Range range) {
    const Range part{range.begin * tile, std::min(extent, range.end * tile)};
    Multiply(problem, by_rows ? part : Range{0, m}, by_rows ? Range{0, n} : part, context);
  });
}

}  // namespace bnlstm::cpu
