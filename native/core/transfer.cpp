#include "core/transfer.h"

#include <algorithm>
#include <cstring>

#include "core/bf16.h"

namespace bnlstm {
namespace {

/// Rows and columns of a block: 16 cache lines on either side stay in the first-level cache even
/// where the distance between rows is a power of two.
constexpr int64_t kBlock = 16;

template <class Copy>
void ForBlocks(int64_t rows, int64_t columns, const Copy& copy) {
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    const int64_t r1 = std::min(r0 + kBlock, rows);
    for (int64_t c0 = 0; c0 < columns; c0 += kBlock) {
      const int64_t c1 = std::min(c0 + kBlock, columns);
      for (int64_t c = c0; c < c1; ++c) {
        for (int64_t r = r0; r < r1; ++r) copy(c * rows + r, r * columns + c);
      }
    }
  }
}

/// `width` known to the compiler: the copy is one load and one store.
template <size_t kWidth>
void TransposeFixed(std::byte* to, const std::byte* from, int64_t rows, int64_t columns) {
  ForBlocks(rows, columns, [=](int64_t target, int64_t source) {
    std::memcpy(to + target * kWidth, from + source * kWidth, kWidth);
  });
}

}  // namespace

void Transpose(std::byte* to, const std::byte* from, int64_t rows, int64_t columns, size_t width) {
  switch (width) {
    case 1:
      return TransposeFixed<1>(to, from, rows, columns);
    case 2:
      return TransposeFixed<2>(to, from, rows, columns);
    case 4:
      return TransposeFixed<4>(to, from, rows, columns);
    case 8:
      return TransposeFixed<8>(to, from, rows, columns);
    case 16:
      return TransposeFixed<16>(to, from, rows, columns);
    default:
      ForBlocks(rows, columns, [=](int64_t target, int64_t source) {
        std::memcpy(to + target * width, from + source * width, width);
      });
  }
}

void TransposeToBf16(uint16_t* to, const float* from, int64_t rows, int64_t columns,
                     int64_t width) {
  if (rows == 1 || columns == 1) return ToBf16(to, from, rows * columns * width);
  ForBlocks(rows, columns, [=](int64_t target, int64_t source) {
    ToBf16(to + target * width, from + source * width, width);
  });
}

void TransposeFromBf16(float* to, const uint16_t* from, int64_t rows, int64_t columns,
                       int64_t width) {
  if (rows == 1 || columns == 1) return FromBf16(to, from, rows * columns * width);
  ForBlocks(rows, columns, [=](int64_t target, int64_t source) {
    FromBf16(to + target * width, from + source * width, width);
  });
}

void ZeroPadding(std::byte* data, int64_t steps, int64_t batch, size_t width,
                 const int32_t* lengths) {
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t n = 0; n < batch; ++n) {
      if (t >= lengths[n]) std::memset(data + (t * batch + n) * width, 0, width);
    }
  }
}

}  // namespace bnlstm
