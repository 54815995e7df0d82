#include "core/transfer.h"

#include <vector>

#include "check.h"
#include "core/bf16.h"

namespace bnlstm {
namespace {

std::vector<std::byte> Counting(size_t bytes) {
  std::vector<std::byte> data(bytes);
  for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(i * 7 + i / 251);
  return data;
}

TEST(TransferTranspose) {
  for (const size_t width : {1, 2, 3, 4, 8, 12, 16, 40}) {
    for (const auto& [rows, columns] : {std::pair(1, 1), {1, 9}, {17, 1}, {5, 33}, {100, 84}}) {
      const size_t bytes = static_cast<size_t>(rows * columns) * width;
      const auto from = Counting(bytes);
      std::vector<std::byte> to(bytes), back(bytes);
      Transpose(to.data(), from.data(), rows, columns, width);
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c) {
          for (size_t k = 0; k < width; ++k) {
            CHECK(to[static_cast<size_t>(c * rows + r) * width + k] ==
                  from[static_cast<size_t>(r * columns + c) * width + k]);
          }
        }
      }
      Transpose(back.data(), to.data(), columns, rows, width);
      CHECK(back == from);
    }
  }
}

TEST(TransferConverts) {
  for (const int64_t width : {1, 3, 17}) {
    for (const auto& [rows, columns] : {std::pair(1, 1), {1, 9}, {17, 1}, {5, 33}}) {
      const auto count = static_cast<size_t>(rows * columns * width);
      std::vector<float> from(count), turned(count), back(count), expected(count);
      for (size_t i = 0; i < count; ++i) from[i] = 1.0f + static_cast<float>(i) / 1000;
      for (size_t i = 0; i < count; ++i) expected[i] = FromBf16(ToBf16(from[i]));
      const size_t bytes = static_cast<size_t>(width) * sizeof(float);
      Transpose(reinterpret_cast<std::byte*>(turned.data()),
                reinterpret_cast<const std::byte*>(expected.data()), rows, columns, bytes);
      std::vector<uint16_t> to(count);
      TransposeToBf16(to.data(), from.data(), rows, columns, width);
      for (size_t i = 0; i < count; ++i) CHECK_EQ(FromBf16(to[i]), turned[i]);
      TransposeFromBf16(back.data(), to.data(), columns, rows, width);
      CHECK(back == expected);
    }
  }
}

TEST(TransferZeroPadding) {
  const int32_t lengths[] = {3, 0, 1, -1, 9};
  const std::vector<std::byte> from(3 * 5 * 2, std::byte{1});
  auto data = from;
  ZeroPadding(data.data(), 3, 5, 2, lengths);
  for (int t = 0; t < 3; ++t) {
    for (int n = 0; n < 5; ++n) {
      const auto expected = static_cast<std::byte>(t < lengths[n]);
      CHECK(data[static_cast<size_t>(t * 5 + n) * 2] == expected);
      CHECK(data[static_cast<size_t>(t * 5 + n) * 2 + 1] == expected);
    }
  }
}

}  // namespace
}  // namespace bnlstm
