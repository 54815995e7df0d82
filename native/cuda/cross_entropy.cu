#include <cmath>
#include <limits>

#include "cuda/counted_rows.h"
#include "cuda/device/elements.h"
#include "cuda/kernels.h"

// A warp works on a row of logits, a lane on every 32nd of them.
namespace bnlstm::cuda {
namespace {

using device::kWarp;

constexpr int64_t kRows = kLossThreads / kWarp;  // of a block: fixed, so that sums have one order

struct Row {
  Elements logits;
  int64_t begin, classes, target;
  __device__ float At(int64_t c) const { return logits.Get(begin + c); }
};

/// softmax(x) = e^(x - max) / sum; NaN in a logit makes `sum` NaN.
struct Softmax {
  float max, sum;
};

__device__ Softmax FindSoftmax(const Row& row) {
  float max = -std::numeric_limits<float>::infinity();
  for (int64_t c = device::Lane(); c < row.classes; c += kWarp) {
    const float x = row.At(c);
    max = x > max ? x : max;
  }
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    const float other = device::ShuffleXor(max, mask);
    max = other > max ? other : max;
  }
  float sum = 0;
  for (int64_t c = device::Lane(); c < row.classes; c += kWarp) sum += std::exp(row.At(c) - max);
  return {max, device::WarpSum(sum)};
}

/// Whether the target is the first of the largest logits; false if one is NaN.
__device__ bool IsLargest(const Row& row) {
  const float value = row.At(row.target);
  bool yes = value == value;
  for (int64_t c = device::Lane(); c < row.classes; c += kWarp) {
    if (c < row.target) yes = yes && row.At(c) < value;
    if (c > row.target) yes = yes && row.At(c) <= value;
  }
  return device::Ballot(!yes) == 0;
}

__global__ void SumCrossEntropy(CountedRows rows, int64_t classes, Elements logits,
                                const int32_t* targets, LossSums* parts) {
  const int64_t index = device::BlockIndex() * kRows + device::Warp();
  LossSums own;
  if (index < rows.rows && rows.Counts(index)) {  // the whole warp
    const Row row{logits, index * classes, classes, targets[index]};
    const Softmax softmax = FindSoftmax(row);
    const bool correct = IsLargest(row);
    if (device::Lane() == 0) {
      own.loss = std::log(static_cast<double>(softmax.sum)) +
                 (static_cast<double>(softmax.max) - static_cast<double>(row.At(row.target)));
      own.correct = correct ? 1 : 0;
      own.counted = 1;
    }
  }
  const LossSums sums = BlockLossSums(own);
  if (device::ThreadIndex() == 0) parts[device::BlockIndex()] = sums;
}

struct LogitGradient {
  const float *counted, *dloss;
  Elements dlogits;
};

__global__ void CrossEntropyGradient(CountedRows rows, int64_t classes, Elements logits,
                                     const int32_t* targets, LogitGradient gradient) {
  const int64_t index = device::BlockIndex() * kRows + device::Warp();
  if (index >= rows.rows) return;  // the whole warp
  const int64_t begin = index * classes;
  if (!rows.Counts(index)) {
    for (int64_t c = device::Lane(); c < classes; c += kWarp) gradient.dlogits.Set(begin + c, 0);
    return;
  }
  const Row row{logits, begin, classes, targets[index]};
  const float scale = *gradient.dloss / *gradient.counted;
  const Softmax softmax = FindSoftmax(row);
  const float inverse = 1.0f / softmax.sum;
  for (int64_t c = device::Lane(); c < classes; c += kWarp) {
    const float probability = std::exp(row.At(c) - softmax.max) * inverse;
    gradient.dlogits.Set(begin + c, scale * (probability - (c == row.target ? 1.0f : 0.0f)));
  }
}

int64_t BlocksFor(const ops::CountedRows& op) { return (op.rows + kRows - 1) / kRows; }

}  // namespace

size_t Workspace(const ops::CrossEntropy& op) {
  return static_cast<size_t>(BlocksFor(op)) * sizeof(LossSums);
}

void Run(const ops::CrossEntropy& op, const Context& context) {
  auto* const parts = reinterpret_cast<LossSums*>(context.workspace);
  const int64_t blocks = BlocksFor(op);
  Launch(context, {blocks, kLossThreads, kLossShared}, SumCrossEntropy, CountedRows(op), op.classes,
         Elements(op.logits), op.targets.i32(), parts);
  FoldLossSums(parts, blocks, {op.loss.f32(), op.correct.f32(), op.counted.f32(), 1}, context);
}

void Run(const ops::CrossEntropyBackward& op, const Context& context) {
  Launch(context, {BlocksFor(op), kLossThreads}, CrossEntropyGradient, CountedRows(op), op.classes,
         Elements(op.logits), op.targets.i32(),
         LogitGradient{op.counted.f32(), op.dloss.f32(), Elements(op.dlogits)});
}

}  // namespace bnlstm::cuda
