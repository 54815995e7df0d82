#pragma once

#include "cuda/device/block_sum.h"
#include "cuda/launch.h"
#include "ops/counted_rows.h"

namespace bnlstm::cuda {

/// ops::CountedRows as kernels see them.
struct CountedRows {
  const float* mask;       // null if there is none
  const int32_t* lengths;  // likewise
  int64_t rows, batch;

  explicit CountedRows(const ops::CountedRows& op)
      : mask(op.mask.f32()), lengths(op.lengths.i32()), rows(op.rows), batch(op.batch) {}
  __device__ bool Counts(int64_t row) const {
    if (mask != nullptr && mask[row] == 0) return false;
    return lengths == nullptr || row / batch < lengths[row % batch];
  }
};

/// What losses sum over the rows that count; counts are exact.
struct LossSums {
  double loss = 0, correct = 0, counted = 0;
};

constexpr int kLossThreads = 256;
constexpr size_t kLossShared = kLossThreads / device::kWarp * sizeof(double);

/// The sums of a block's threads, in every thread.
__device__ inline LossSums BlockLossSums(const LossSums& own) {
  auto* const shared = device::SharedMemory<double>();
  const double loss = device::BlockSum(own.loss, shared);
  const double correct = device::BlockSum(own.correct, shared);
  return {loss, correct, device::BlockSum(own.counted, shared)};
}

/// Where the results of a loss go; `correct` is null where there is none.
struct LossResult {
  float *loss, *correct, *counted;
  int64_t elements;  // of a row, over which the loss is a mean
};

/// Adds up the sums of `count` blocks in a fixed order.
void FoldLossSums(const LossSums* parts, int64_t count, const LossResult& result,
                  const Context& context);

}  // namespace bnlstm::cuda
