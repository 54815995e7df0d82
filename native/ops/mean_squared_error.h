#pragma once

#include "ops/counted_rows.h"

namespace bnlstm::ops {

/// Mean of (prediction - target)^2 over the elements of the counted rows. prediction [N][C] or
/// [T][B][C], f32 or bf16, target of that shape, f32. Writes loss [1] and counted [1] (rows). No counted row: loss 0.
struct MeanSquaredError : CountedRows {
  int64_t width = 0;
  Tensor prediction, target, loss, counted;
  explicit MeanSquaredError(const OpArguments& op);
};

/// dprediction = 2 dloss (prediction - target) / (counted C); zero where a row does not count. In the
/// type of the prediction, rounded once.
struct MeanSquaredErrorBackward : CountedRows {
  int64_t width = 0;
  Tensor prediction, target, counted, dloss, dprediction;
  explicit MeanSquaredErrorBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
