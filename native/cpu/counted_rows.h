#pragma once

#include <algorithm>
#include <vector>

#include "cpu/parallel.h"

namespace bnlstm::cpu {

/// What losses sum over the rows that count.
struct LossSums {
  double loss = 0;
  int64_t correct = 0, counted = 0;
};

/// Adds up sum_rows(begin, end) of blocks of rows, in their order whatever the number of threads; a
/// row is worth that many `operations`.
template <class SumRows>
LossSums SumBlocks(int64_t rows, double operations, const Context& context,
                   const SumRows& sum_rows) {
  constexpr int64_t kRowBlock = 64;
  const int64_t blocks = (rows + kRowBlock - 1) / kRowBlock;
  std::vector<LossSums> parts(static_cast<size_t>(blocks));
  ParallelFor(context, blocks, operations * kRowBlock, [&](Range range) {
    for (int64_t block = range.begin; block < range.end; ++block) {
      const int64_t begin = block * kRowBlock;
      parts[static_cast<size_t>(block)] = sum_rows(begin, std::min(begin + kRowBlock, rows));
    }
  });
  LossSums total;
  for (const LossSums& part : parts) {
    total.loss += part.loss;
    total.correct += part.correct;
    total.counted += part.counted;
  }
  return total;
}

/// 0 if nothing was counted.
inline float Mean(double sum, int64_t count) {
  return count == 0 ? 0.0f : static_cast<float>(sum / static_cast<double>(count));
}

}  // namespace bnlstm::cpu
