#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// Which rows of a loss count. Rows N are B (one target per sequence) or T*B, time-major. `mask`
/// [N] f32 (0: the row does not count, anything else: it does) and `lengths` [B] i32 (row t*B + n
/// counts if t < length_n) are optional and both apply.
struct CountedRows {
  int64_t rows = 0, batch = 0;
  Tensor mask, lengths;
  bool Counts(int64_t row) const {
    if (mask && mask.f32()[row] == 0) return false;
    return !lengths || row / batch < lengths.i32()[row % batch];
  }
};

/// Mean softmax cross-entropy in nats over the counted rows. logits [N][C] or [T][B][C], targets
/// [N] or [T][B] i32 in [0, C) (not looked at where a row does not count).
/// Writes loss [1], correct [1] (counted rows whose largest logit, the first on ties, is the
/// target; a row with a NaN is wrong) and counted [1], all f32. No counted row: loss 0.
struct CrossEntropy : CountedRows {
  int64_t classes = 0;
  Tensor logits, targets, loss, correct, counted;
  explicit CrossEntropy(const OpArguments& op);
};

/// dlogits = dloss (softmax - onehot) / counted; zero in rows that do not count. dloss [1].
struct CrossEntropyBackward : CountedRows {
  int64_t classes = 0;
  Tensor logits, targets, counted, dloss, dlogits;
  explicit CrossEntropyBackward(const OpArguments& op);
};

/// Mean of (prediction - target)^2 over the elements of the counted rows. prediction, target
/// [N][C] or [T][B][C] f32. Writes loss [1] and counted [1] (rows). No counted row: loss 0.
struct MeanSquaredError : CountedRows {
  int64_t width = 0;
  Tensor prediction, target, loss, counted;
  explicit MeanSquaredError(const OpArguments& op);
};

/// dprediction = 2 dloss (prediction - target) / (counted C); zero where a row does not count.
struct MeanSquaredErrorBackward : CountedRows {
  int64_t width = 0;
  Tensor prediction, target, counted, dloss, dprediction;
  explicit MeanSquaredErrorBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
