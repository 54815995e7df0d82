#include "cpu/orthogonal.h"

#include <cmath>
#include <limits>
#include <vector>

#include "bits.h"
#include "check.h"
#include "cpu/gram_schmidt.h"
#include "cpu/simd/kernels.h"

namespace bnlstm {
namespace {

using cpu::Vectors;

constexpr std::pair<int64_t, int64_t> kShapes[] = {{1, 1},   {1, 7},   {400, 1},  {13, 13},
                                                   {12, 96}, {97, 31}, {64, 256}, {131, 133}};

std::vector<float> Draw(int64_t rows, int64_t columns, int threads, double scale = 1) {
  std::vector<float> values(static_cast<size_t>(rows * columns));
  cpu::FillOrthogonal({rows, columns, scale, {7, 1, 2}}, values.data(), {threads, nullptr});
  return values;
}

/// The largest deviation of the vectors' products from the identity. NaN is one.
double Error(const std::vector<std::vector<double>>& vectors) {
  double largest = 0;
  for (size_t a = 0; a < vectors.size(); ++a) {
    for (size_t b = 0; b <= a; ++b) {
      double dot = a == b ? -1 : 0;
      for (size_t i = 0; i < vectors[a].size(); ++i) dot += vectors[a][i] * vectors[b][i];
      if (!(std::abs(dot) <= largest)) largest = std::abs(dot);
    }
  }
  return largest;
}

/// Rows of a wide matrix, columns of a tall one.
std::vector<std::vector<double>> Split(const std::vector<float>& values, int64_t rows,
                                       int64_t columns) {
  const bool wide = rows <= columns;
  std::vector<std::vector<double>> vectors(static_cast<size_t>(wide ? rows : columns));
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t row = i / static_cast<size_t>(columns), column = i % static_cast<size_t>(columns);
    vectors[wide ? row : column].push_back(values[i]);
  }
  return vectors;
}

Vectors Gaussian(int64_t count, int64_t length) {
  Vectors vectors(count, length);
  const Philox random{3, 0, 0};
  for (int64_t i = 0; i < count * length; ++i) {
    vectors.Row(i / length)[i % length] = random.Normal(static_cast<uint64_t>(i));
  }
  return vectors;
}

std::vector<std::vector<double>> Values(const Vectors& vectors) {
  std::vector<std::vector<double>> values;
  for (int64_t k = 0; k < vectors.count(); ++k) {
    values.emplace_back(vectors.Row(k), vectors.Row(k) + vectors.length());
  }
  return values;
}

TEST(OrthogonalShapes) {
  for (const auto& [rows, columns] : kShapes) {
    CHECK(Error(Split(Draw(rows, columns, 0), rows, columns)) < 1e-6);
  }
}

TEST(OrthogonalBitsForAnyThreads) {
  for (const auto& [rows, columns] : kShapes) {
    const auto alone = Draw(rows, columns, 1);
    for (const int threads : {2, 5}) CHECK(Draw(rows, columns, threads) == alone);
  }
}

TEST(OrthogonalScale) {
  const auto once = Draw(5, 9, 1), half = Draw(5, 9, 1, 0.5);
  for (size_t i = 0; i < once.size(); ++i) CHECK_EQ(half[i], once[i] * 0.5f);
}

// Square: the last vectors have next to nothing that those before them have not.
TEST(OrthogonalInDoubles) {
  const Vectors vectors = Gaussian(150, 150);
  cpu::Orthonormalize(vectors, {cpu::kKernels});
  CHECK(Error(Values(vectors)) < 1e-13);
}

// The parts of Q R with R's diagonal positive: each vector goes on pointing its own way.
TEST(OrthogonalKeepsDirections) {
  const Vectors given = Gaussian(40, 60), made = Gaussian(40, 60);
  cpu::Orthonormalize(made, {cpu::kKernels});
  const auto a = Values(given), q = Values(made);
  for (size_t k = 0; k < a.size(); ++k) {
    std::vector<double> rest = a[k];
    for (size_t j = 0; j <= k; ++j) {
      double part = 0;
      for (size_t i = 0; i < rest.size(); ++i) part += a[k][i] * q[j][i];
      if (j == k) CHECK(part > 0);
      for (size_t i = 0; i < rest.size(); ++i) rest[i] -= part * q[j][i];
    }
    for (const double value : rest) CHECK(std::abs(value) < 1e-12);
  }
}

TEST(OrthogonalNothingHangs) {
  Vectors vectors = Gaussian(30, 40);
  std::fill_n(vectors.Row(3), 40, 0.0);              // a zero
  std::copy_n(vectors.Row(5), 40, vectors.Row(20));  // one twice
  vectors.Row(25)[7] = std::numeric_limits<double>::quiet_NaN();
  cpu::Orthonormalize(vectors, {cpu::kKernels});
  auto values = Values(vectors);
  for (const double value : values[3]) CHECK_EQ(value, 0.0);
  CHECK(std::isnan(values[25][0]) && std::isnan(values[29][39]));
  values.resize(20);
  values.erase(values.begin() + 3);
  CHECK(Error(values) < 1e-13);
}

TEST(OrthogonalCancelled) {
  const std::atomic<bool> cancelled{true};
  std::vector<float> values(200 * 300);
  cpu::FillOrthogonal({200, 300, 1, {}}, values.data(), {0, &cancelled});
  CHECK(values == std::vector<float>(200 * 300));
}

BITS(Orthogonal) {
  bits::Lines lines;
  for (const auto& [rows, columns] : kShapes) {
    lines.emplace_back(std::to_string(rows) + "x" + std::to_string(columns),
                       bits::Hash().Add(Draw(rows, columns, 0)).value());
  }
  // Rounding to f32 would hide nearly every difference.
  const Vectors vectors = Gaussian(150, 150);
  cpu::Orthonormalize(vectors, {cpu::kKernels});
  bits::Hash hash;
  for (const auto& vector : Values(vectors)) hash.Add(vector);
  lines.emplace_back("doubles", hash.value());
  return lines;
}

}  // namespace
}  // namespace bnlstm
