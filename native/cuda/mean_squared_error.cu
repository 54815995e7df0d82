#include "cuda/counted_rows.h"
#include "cuda/device/elements.h"
#include "cuda/kernels.h"

namespace bnlstm::cuda {
namespace {

constexpr int64_t kElements = 8 * kLossThreads;  // of a block: fixed, so that the sum has one order

int64_t BlocksOf(const ops::MeanSquaredError& op) {
  return (op.prediction.count() + kElements - 1) / kElements;
}

__global__ void SumSquaredErrors(CountedRows rows, int64_t width, Elements prediction,
                                 const float* target, LossSums* parts) {
  const int64_t count = rows.rows * width, begin = device::BlockIndex() * kElements;
  const int64_t end = begin + kElements < count ? begin + kElements : count;
  LossSums own;
  for (int64_t i = begin + device::ThreadIndex(); i < end; i += kLossThreads) {
    if (!rows.Counts(i / width)) continue;
    const double error = static_cast<double>(prediction.Get(i)) - static_cast<double>(target[i]);
    own.loss += error * error;
    if (i % width == 0) ++own.counted;
  }
  const LossSums sums = BlockLossSums(own);
  if (device::ThreadIndex() == 0) parts[device::BlockIndex()] = sums;
}

}  // namespace

size_t Workspace(const ops::MeanSquaredError& op) {
  return static_cast<size_t>(BlocksOf(op)) * sizeof(LossSums);
}

void Run(const ops::MeanSquaredError& op, const Context& context) {
  auto* const parts = reinterpret_cast<LossSums*>(context.workspace);
  const int64_t blocks = BlocksOf(op);
  Launch(context, {blocks, kLossThreads, kLossShared}, SumSquaredErrors, CountedRows(op), op.width,
         Elements(op.prediction), op.target.f32(), parts);
  FoldLossSums(parts, blocks, {op.loss.f32(), nullptr, op.counted.f32(), op.width}, context);
}

void Run(const ops::MeanSquaredErrorBackward& op, const Context& context) {
  const CountedRows rows(op);
  const Elements prediction(op.prediction), dprediction(op.dprediction);
  const float *const target = op.target.f32(), *const counted = op.counted.f32();
  const float* const dloss = op.dloss.f32();
  const int64_t width = op.width;
  ForEach(context, op.prediction.count(), [=] __device__(int64_t i) {
    float gradient = 0;
    if (rows.Counts(i / width)) {
      const double elements = static_cast<double>(*counted) * static_cast<double>(width);
      const auto scale = static_cast<float>(2 * static_cast<double>(*dloss) / elements);
      gradient = scale * (prediction.Get(i) - target[i]);
    }
    dprediction.Set(i, gradient);
  });
}

}  // namespace bnlstm::cuda
