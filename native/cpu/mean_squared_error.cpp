#include "cpu/counted_rows.h"
#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {
namespace {

constexpr double kSquaredError = 20;  // operations: one chain of sums in double precision

LossSums SquaredErrorRows(const ops::MeanSquaredError& op, int64_t begin, int64_t end) {
  Reader read(op.prediction, op.width);
  LossSums sums;
  for (int64_t row = begin; row < end; ++row) {
    if (!op.Counts(row)) continue;
    const float* prediction = read.At(row * op.width, op.width);
    const float* target = op.target.f32() + row * op.width;
    for (int64_t i = 0; i < op.width; ++i) {
      const double error = static_cast<double>(prediction[i]) - static_cast<double>(target[i]);
      sums.loss += error * error;
    }
    ++sums.counted;
  }
  return sums;
}

}  // namespace

void Run(const ops::MeanSquaredError& op, const Context& context) {
  const double operations = kSquaredError * static_cast<double>(op.width);
  const LossSums total = SumBlocks(op.rows, operations, context, [&](int64_t begin, int64_t end) {
    return SquaredErrorRows(op, begin, end);
  });
  op.loss.f32()[0] = Mean(total.loss, total.counted * op.width);
  op.counted.f32()[0] = static_cast<float>(total.counted);
}

void Run(const ops::MeanSquaredErrorBackward& op, const Context& context) {
  const double elements = static_cast<double>(op.counted.f32()[0]) * static_cast<double>(op.width);
  const auto scale = static_cast<float>(2 * static_cast<double>(op.dloss.f32()[0]) / elements);
  ParallelFor(context, op.rows, kMove * static_cast<double>(op.width), [&](Range range) {
    Reader read(op.prediction, op.width);
    Writer write(op.dprediction, op.width);
    for (int64_t row = range.begin; row < range.end; ++row) {
      const float* prediction = read.At(row * op.width, op.width);
      const float* target = op.target.f32() + row * op.width;
      float* gradient = write.At(row * op.width);
      const bool counts = op.Counts(row);
      for (int64_t i = 0; i < op.width; ++i) {
        gradient[i] = counts ? scale * (prediction[i] - target[i]) : 0.0f;
      }
      write.Store(row * op.width, op.width);
    }
  });
}

}  // namespace bnlstm::cpu
