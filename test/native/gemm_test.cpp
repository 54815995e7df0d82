#include "cpu/gemm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"
#include "core/bf16.h"
#include "cpu/instruction_sets.h"
#include "emulated_amx.h"
#include "random.h"

namespace bnlstm {
namespace {

std::vector<cpu::Kernels> AllKernels() {
  std::vector<cpu::Kernels> all;
  for (const cpu::InstructionSet& set : cpu::InstructionSets())
    if (set.kernels) all.push_back(*set.kernels);
  if (const cpu::Kernels* emulated = EmulatedAmx()) all.push_back(*emulated);
  return all;
}

float Rounded(float value, bool rounded) { return rounded ? FromBf16(ToBf16(value)) : value; }

std::vector<float> Numbers(int64_t count, Random& random) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = random.Normal();
  return values;
}

/// c = a b + bias of m x k and k x n where they lie, either of them perhaps transposed.
struct Operands {
  int64_t m, n, k;
  bool a_turned, b_turned, rounded;
  std::vector<float> a, b, bias;

  cpu::Matrix A(int64_t row = 0) const {
    const cpu::Matrix whole{a.data(), a_turned ? 1 : k, a_turned ? m : 1};
    return {a.data() + row * whole.row, whole.row, whole.column};
  }
  cpu::Matrix B() const { return {b.data(), b_turned ? 1 : n, b_turned ? k : 1}; }
  static double At(const cpu::Matrix& matrix, int64_t i, int64_t j, bool rounded) {
    const auto* const data = static_cast<const float*>(matrix.data);
    return Rounded(data[i * matrix.row + j * matrix.column], rounded);
  }
  std::vector<float> Multiply(const cpu::Kernels& kernels, int threads, int64_t row,
                              int64_t rows) const {
    std::vector<float> c(static_cast<size_t>(rows * n), NAN);
    const cpu::Context context{kernels, threads, true, nullptr};
    cpu::Gemm(rows, n, k, A(row), B(), bias.data(), {c.data(), n}, rounded, context);
    return c;
  }
};

TEST(GemmOnEverySet) {
  Random random(60);
  constexpr int64_t kSizes[][3] = {{1, 1, 1},    {5, 70, 3},    {33, 17, 130}, {7, 129, 1100},
                                   {200, 9, 40}, {520, 33, 20}, {1, 100, 64},  {66, 1, 31}};
  for (const auto& [m, n, k] : kSizes)
    for (const bool rounded : {false, true}) {
      const Operands x{m,
                       n,
                       k,
                       random.Flag(),
                       random.Flag(),
                       rounded,
                       Numbers(m * k, random),
                       Numbers(k * n, random),
                       Numbers(n, random)};
      for (const cpu::Kernels& kernels : AllKernels()) {
        const std::vector<float> c = x.Multiply(kernels, 1, 0, m);
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            double sum = x.bias[static_cast<size_t>(j)], size = std::abs(sum);
            for (int64_t d = 0; d < k; ++d) {
              const double term =
                  Operands::At(x.A(), i, d, rounded) * Operands::At(x.B(), d, j, rounded);
              sum += term;
              size += std::abs(term);
            }
            const double error =
                std::abs(static_cast<double>(c[static_cast<size_t>(i * n + j)]) - sum);
            if (!(error <= 260 * 0x1p-24 * size))
              check::Fail(__FILE__, __LINE__, kernels.name, ": ", m, " x ", n, " x ", k, " at ", i,
                          ", ", j, " is off by ", error);
          }
        // Whoever computes a row, and beside whatever others, its bits are these.
        for (const int threads : {2, 5}) CHECK(x.Multiply(kernels, threads, 0, m) == c);
        const int64_t row = random.Between(0, m - 1), rows = random.Between(1, m - row);
        const std::vector<float> part = x.Multiply(kernels, 1, row, rows);
        CHECK(std::equal(part.begin(), part.end(), c.begin() + row * n));
      }
    }
}

}  // namespace
}  // namespace bnlstm
