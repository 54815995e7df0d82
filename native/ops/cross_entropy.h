#pragma once

#include "ops/counted_rows.h"

namespace bnlstm::ops {

/// Mean softmax cross-entropy in nats over the counted rows. logits [N][C] or [T][B][C], f32 or
/// bf16 (computed in f32), targets [N] or [T][B] i32 in [0, C) (not looked at where a row does not count).
/// Writes loss [1], correct [1] (counted rows whose largest logit, the first on ties, is the
/// target; a row with a NaN is wrong) and counted [1], all f32. No counted row: loss 0.
struct CrossEntropy : CountedRows {
  int64_t classes = 0;
  Tensor logits, targets, loss, correct, counted;
  explicit CrossEntropy(const OpArguments& op);
};

/// dlogits = dloss (softmax - onehot) / counted; zero in rows that do not count. dloss [1];
/// dlogits in the type of the logits, rounded once.
struct CrossEntropyBackward : CountedRows {
  int64_t classes = 0;
  Tensor logits, targets, counted, dloss, dlogits;
  explicit CrossEntropyBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
