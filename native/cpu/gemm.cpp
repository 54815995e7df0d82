#include "cpu/gemm.h"

#include <algorithm>
#include <vector>

#include "cpu/elements.h"
#include "cpu/parallel.h"
#include "cpu/words.h"

namespace bnlstm::cpu {
namespace {

// A block of c is summed over blocks of k: kRows x kMaxVectors vectors of lanes, kDepth words of k.
// The columns of b come from a packed copy that stays in the second-level cache while all rows of
// a pass by; a is read where it lies, unless it has to be turned into words of bf16.
constexpr int64_t kRows = 512;
constexpr int64_t kDepth = 4 * kDepthBlock;

float ElementOf(const Matrix& matrix, int64_t i, int64_t j) {
  return ElementAt(matrix.data, matrix.dtype, i * matrix.row + j * matrix.column);
}

/// One member's part: the tasks it gets, one after another, with the memory for them.
class Multiplier {
 public:
  Multiplier(int64_t k, Matrix a, Matrix b, const float* bias, MatrixResult c, bool rounded,
             const Context& context)
      : k_(k),
        a_(a),
        b_(b),
        bias_(bias),
        c_(c),
        rounded_(rounded),
        context_(context),
        value_(rounded ? context.kernels.bf16 : context.kernels.f32),
        columns_(kMaxVectors * context.kernels.lanes),
        turns_a_(rounded || a.dtype == DType::kBF16),
        right_(static_cast<size_t>(kDepth * columns_)),
        sums_(static_cast<size_t>(RoundUp(kRows, value_.row_multiple) * columns_)) {
    if (turns_a_) left_.resize(static_cast<size_t>(RoundUp(kRows, value_.row_multiple) * kDepth));
  }

  /// The part of c in these rows and columns.
  void Run(Range rows, Range columns) {
    for (int64_t row = rows.begin; row < rows.end; row += kRows)
      for (int64_t column = columns.begin; column < columns.end; column += columns_) {
        if (context_.Cancelled()) return;
        Block(row, std::min(kRows, rows.end - row), column,
              std::min(columns_, columns.end - column));
      }
  }

 private:
  void Block(int64_t row, int64_t rows, int64_t column, int64_t columns) {
    const int64_t lanes = context_.kernels.lanes, step = kDepth * value_.per_word;
    for (int64_t k = 0; k < k_; k += step) {
      const int64_t values = std::min(step, k_ - k);
      const int64_t depth = DepthFor(value_, values);
      PackRight(k, values, depth, column, columns);
      Product p{.rows = rows,
                .depth = depth,
                .right = right_.data(),
                .right_depth = columns_,
                .vectors = static_cast<int>((columns + lanes - 1) / lanes),
                .c = sums_.data(),
                .c_row = columns_,
                .add = k > 0};
      if (turns_a_) {
        PackLeft(k, values, depth, row, rows);
        p.left = left_.data();
        p.left_row = depth;
      } else {
        p.left = static_cast<const float*>(a_.data) + row * a_.row + k * a_.column;
        p.left_row = a_.row;
        p.left_depth = a_.column;
      }
      value_.multiply(p);
    }
    for (int64_t i = 0; i < rows; ++i) Write(row + i, column, columns, sums_.data() + i * columns_);
  }

  float Word(float low, float high) const {
    if (!rounded_) return low;
    return value_.per_word == 1 ? Rounded::Word(low, high) : Paired::Word(low, high);
  }

  /// [depth][columns_], zero beyond n and k.
  void PackRight(int64_t k, int64_t values, int64_t depth, int64_t column, int64_t columns) {
    if (columns < columns_) std::fill(right_.begin(), right_.end(), 0.0f);
    if (!rounded_ && b_.dtype == DType::kF32) {
      const float* from = static_cast<const float*>(b_.data) + k * b_.row + column * b_.column;
      if (b_.column == 1) {
        for (int64_t i = 0; i < values; ++i)
          std::copy_n(from + i * b_.row, columns, right_.data() + i * columns_);
      } else {
        for (int64_t j = 0; j < columns; ++j)
          for (int64_t i = 0; i < values; ++i)
            right_[i * columns_ + j] = from[i * b_.row + j * b_.column];
      }
      return;
    }
    const int64_t per_word = value_.per_word;
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t at = i * per_word;
        const float low = at < values ? ElementOf(b_, k + at, column + j) : 0.0f;
        const bool pair = per_word == 2 && at + 1 < values;
        right_[i * columns_ + j] = Word(low, pair ? ElementOf(b_, k + at + 1, column + j) : 0.0f);
      }
  }

  /// [rows][depth], zero beyond k.
  void PackLeft(int64_t k, int64_t values, int64_t depth, int64_t row, int64_t rows) {
    const int64_t per_word = value_.per_word;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t d = 0; d < depth; ++d) {
        const int64_t at = d * per_word;
        const float low = at < values ? ElementOf(a_, row + i, k + at) : 0.0f;
        const bool pair = per_word == 2 && at + 1 < values;
        left_[i * depth + d] = Word(low, pair ? ElementOf(a_, row + i, k + at + 1) : 0.0f);
      }
  }

  void Write(int64_t row, int64_t column, int64_t columns, float* sums) const {
    for (int64_t j = 0; j < columns && bias_; ++j) sums[j] += bias_[column + j];
    const int64_t to = row * c_.row + column;
    if (c_.dtype == DType::kF32) {
      std::copy_n(sums, columns, static_cast<float*>(c_.data) + to);
      return;
    }
    bnlstm::ToBf16(static_cast<uint16_t*>(c_.data) + to, sums, columns);
  }

  const int64_t k_;
  const Matrix a_, b_;
  const float* const bias_;
  const MatrixResult c_;
  const bool rounded_;
  const Context& context_;
  const ValueKernels& value_;
  const int64_t columns_;  // of a block
  const bool turns_a_;
  std::vector<float> left_, right_, sums_;
};

}  // namespace

void Gemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, MatrixResult c,
          bool rounded, const Context& context) {
  // Rows are divided if there are enough, since each member packs all its columns itself.
  const int64_t lanes = context.kernels.lanes;
  const int64_t row_tile = std::max(6, context.kernels.bf16.row_multiple);
  const bool by_rows = m >= 4 * row_tile * context.threads || m >= n;
  const int64_t tile = by_rows ? row_tile : lanes;
  const int64_t extent = by_rows ? m : n;
  const int64_t tiles = (extent + tile - 1) / tile;
  const double operations = 2.0 * static_cast<double>(by_rows ? n : m) * static_cast<double>(k);
  ParallelFor(context, tiles, operations * static_cast<double>(tile), [&](Range range) {
    const Range part{range.begin * tile, std::min(extent, range.end * tile)};
    Multiplier(k, a, b, bias, c, rounded, context)
        .Run(by_rows ? part : Range{0, m}, by_rows ? Range{0, n} : part);
  });
}

}  // namespace bnlstm::cpu
