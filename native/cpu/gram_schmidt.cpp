#include "cpu/gram_schmidt.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/parallel.h"
#include "cpu/simd/clones.h"
#include "cpu/simd/vector.h"

namespace bnlstm::cpu {
namespace {

// Four f64 lanes on every machine: the lanes are part of the order of summation.
typedef double DoubleVec __attribute__((vector_size(32)));
constexpr int kDoubleLanes = 4;

// Halves of a range are whole numbers of leaves, and a leaf is a whole number of the kernels' tiles.
constexpr int64_t kLeaf = 12;
constexpr int kDotRows = 4, kDotColumns = 3;            // twelve sums in registers
constexpr int kTakeRows = 6, kTakeVectors = 2;          // likewise
constexpr int kUnit = kTakeVectors * kDoubleLanes;      // lanes of a tile: rows are padded to it
constexpr int64_t kDepth = 256;                         // of a block of a dot product
constexpr int64_t kBlockRows = 96, kBlockVectors = 48;  // with kDepth: blocks of half of an L2

BNLSTM_INLINE DoubleVec Load(const double* p) {
  DoubleVec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
BNLSTM_INLINE void Store(double* p, DoubleVec v) { std::memcpy(p, &v, sizeof v); }
BNLSTM_INLINE DoubleVec Splat(double x) { return DoubleVec{x, x, x, x}; }
BNLSTM_INLINE double Sum(DoubleVec v) { return (v[0] + v[2]) + (v[1] + v[3]); }

/// dots[r][c] += the product of rows r of p and c of q over `depth`.
BNLSTM_CLONES
void AddDots(const double* p, int64_t rows, const double* q, int64_t columns, int64_t stride,
             int64_t depth, double* dots, int64_t dots_stride) {
  for (int64_t row = 0; row < rows; row += kDotRows) {
    for (int64_t column = 0; column < columns; column += kDotColumns) {
      const double* const a = p + row * stride;
      const double* const b = q + column * stride;
      DoubleVec sum[kDotRows][kDotColumns] = {};
      for (int64_t i = 0; i < depth; i += kDoubleLanes) {
        DoubleVec y[kDotColumns];
        for (int c = 0; c < kDotColumns; ++c) y[c] = Load(b + c * stride + i);
        for (int r = 0; r < kDotRows; ++r) {
          const DoubleVec x = Load(a + r * stride + i);
          for (int c = 0; c < kDotColumns; ++c) sum[r][c] += x * y[c];
        }
      }
      for (int r = 0; r < kDotRows; ++r) {
        double* const to = dots + (row + r) * dots_stride + column;
        for (int c = 0; c < kDotColumns; ++c) to[c] += Sum(sum[r][c]);
      }
    }
  }
}

/// p[r] -= the sum over c, in order, of dots[r][c] q[c], in the first `width` elements.
BNLSTM_CLONES
void TakeOff(const double* dots, int64_t dots_stride, double* p, int64_t rows, const double* q,
             int64_t columns, int64_t stride, int64_t width) {
  for (int64_t i = 0; i < width; i += kUnit) {
    for (int64_t row = 0; row < rows; row += kTakeRows) {
      double* const to = p + row * stride + i;
      const double* const factor = dots + row * dots_stride;
      DoubleVec rest[kTakeRows][kTakeVectors];
      for (int r = 0; r < kTakeRows; ++r)
        for (int v = 0; v < kTakeVectors; ++v)
          rest[r][v] = Load(to + r * stride + v * kDoubleLanes);
      for (int64_t c = 0; c < columns; ++c) {
        DoubleVec y[kTakeVectors];
        for (int v = 0; v < kTakeVectors; ++v) y[v] = Load(q + c * stride + i + v * kDoubleLanes);
        for (int r = 0; r < kTakeRows; ++r) {
          const DoubleVec x = Splat(factor[r * dots_stride + c]);
          for (int v = 0; v < kTakeVectors; ++v) rest[r][v] -= x * y[v];
        }
      }
      for (int r = 0; r < kTakeRows; ++r)
        for (int v = 0; v < kTakeVectors; ++v)
          Store(to + r * stride + v * kDoubleLanes, rest[r][v]);
    }
  }
}

BNLSTM_CLONES double Dot(const double* a, const double* b, int64_t length) {
  DoubleVec sum[kTakeVectors] = {};
  for (int64_t i = 0; i < length; i += kUnit) {
    for (int v = 0; v < kTakeVectors; ++v) {
      sum[v] += Load(a + i + v * kDoubleLanes) * Load(b + i + v * kDoubleLanes);
    }
  }
  return Sum(sum[0] + sum[1]);
}

/// Takes from v its part along q.
BNLSTM_CLONES void TakePart(double* v, const double* q, int64_t length) {
  const DoubleVec part = Splat(Dot(v, q, length));
  for (int64_t i = 0; i < length; i += kDoubleLanes) Store(v + i, Load(v + i) - part * Load(q + i));
}

/// Gram-Schmidt by halves: the first half is made orthonormal, taken off the second as two matrix
/// products, and then the second is. All but a leaf's share of the work is in those products.
class GramSchmidt {
 public:
  GramSchmidt(const Vectors& vectors, const Context& context)
      : vectors_(vectors), context_(context), length_(vectors.padded_length()) {
    for (int64_t k = 0; k < vectors.padded_count(); ++k) norms_.push_back(Norm(k));
    const int64_t half = Half(vectors.padded_count());
    dots_.resize(static_cast<size_t>(half * (vectors.padded_count() - half)));
  }

  void Run() { Orthonormalize(0, vectors_.padded_count()); }

 private:
  static int64_t Half(int64_t count) { return (count / kLeaf + 1) / 2 * kLeaf; }

  void Orthonormalize(int64_t begin, int64_t end) {
    if (context_.Cancelled()) return;
    if (end - begin <= kLeaf) {
      for (int64_t k = begin; k < end; ++k) Finish(k, begin);
      return;
    }
    const int64_t middle = begin + Half(end - begin);
    Orthonormalize(begin, middle);
    Project(begin, middle, end);
    Orthonormalize(middle, end);
  }

  /// Takes off the vectors [middle, end) what they have along [begin, middle).
  void Project(int64_t begin, int64_t middle, int64_t end) {
    const int64_t columns = middle - begin, rows = end - middle;
    const double work = 2.0 * static_cast<double>(rows);
    ParallelFor(
        context_, columns / kLeaf, work * kLeaf * static_cast<double>(length_), [&](Range range) {
          AddAllDots(middle, rows, begin + range.begin * kLeaf, (range.end - range.begin) * kLeaf,
                     dots_.data() + range.begin * kLeaf, columns);
        });
    ParallelFor(context_, length_ / kUnit, work * kUnit * static_cast<double>(columns),
                [&](Range range) {
                  TakeAllOff(middle, rows, begin, columns, range.begin * kUnit, range.end * kUnit);
                });
  }

  void AddAllDots(int64_t first_row, int64_t rows, int64_t first_column, int64_t columns,
                  double* dots, int64_t dots_stride) {
    for (int64_t row = 0; row < rows; ++row) {
      std::fill_n(dots + row * dots_stride, columns, 0.0);
    }
    for (int64_t i = 0; i < length_ && !context_.Cancelled(); i += kDepth) {
      const int64_t depth = std::min(kDepth, length_ - i);
      for (int64_t row = 0; row < rows; row += kBlockRows) {
        AddDots(vectors_.Row(first_row + row) + i, std::min(kBlockRows, rows - row),
                vectors_.Row(first_column) + i, columns, vectors_.stride(), depth,
                dots + row * dots_stride, dots_stride);
      }
    }
  }

  void TakeAllOff(int64_t first_row, int64_t rows, int64_t first_column, int64_t columns,
                  int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && !context_.Cancelled(); i += kDepth) {
      const int64_t width = std::min(kDepth, end - i);
      for (int64_t row = 0; row < rows; row += kBlockRows) {
        for (int64_t column = 0; column < columns; column += kBlockVectors) {
          TakeOff(dots_.data() + row * columns + column, columns, vectors_.Row(first_row + row) + i,
                  std::min(kBlockRows, rows - row), vectors_.Row(first_column + column) + i,
                  std::min(kBlockVectors, columns - column), vectors_.stride(), width);
        }
      }
    }
  }

  /// The last of vector k, which is orthogonal to [0, begin) already.
  void Finish(int64_t k, int64_t begin) {
    double* const v = vectors_.Row(k);
    for (int64_t j = begin; j < k; ++j) TakePart(v, vectors_.Row(j), length_);
    double norm = Norm(k), before = norms_[static_cast<size_t>(k)];
    // Projections that cancel most of a vector leave rounding errors of its old length in it: once
    // more takes them away ("twice is enough", Parlett 1980).
    for (int pass = 0; pass < 2 && norm < 0.1 * before; ++pass) {
      before = norm;
      for (int64_t j = 0; j < k; ++j) TakePart(v, vectors_.Row(j), length_);
      norm = Norm(k);
    }
    if (!(norm > 0)) return;
    for (int64_t i = 0; i < length_; ++i) v[i] /= norm;
  }

  double Norm(int64_t k) const { return std::sqrt(Dot(vectors_.Row(k), vectors_.Row(k), length_)); }

  const Vectors& vectors_;
  const Context& context_;
  const int64_t length_;
  std::vector<double> norms_;  // of the vectors as they were given
  std::vector<double> dots_;   // of one projection
};

int64_t RoundUpTo(int64_t multiple, int64_t count) {
  return (count + multiple - 1) / multiple * multiple;
}

}  // namespace

Vectors::Vectors(int64_t count, int64_t length)
    : count_(count),
      length_(length),
      padded_count_(RoundUpTo(kLeaf, count)),
      padded_length_(RoundUpTo(kUnit, length)),
      // An odd number of cache lines, so that the same element of many rows is in many cache sets.
      stride_((padded_length_ / 8 | 1) * 8),
      lines_(std::make_unique<Line[]>(static_cast<size_t>(padded_count_ * stride_ / 8))) {
  static_assert(kUnit == 8 && kLeaf % kDotRows == 0 && kLeaf % kDotColumns == 0 &&
                kLeaf % kTakeRows == 0 && kBlockRows % kLeaf == 0 && kBlockVectors % kLeaf == 0 &&
                kDepth % kUnit == 0);
}

void Orthonormalize(const Vectors& vectors, const Context& context) {
  GramSchmidt(vectors, context).Run();
}

}  // namespace bnlstm::cpu
