#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// A window of batches trains as one large batch: its gradient is that of the mean over all that
/// is counted in the window. Losses are means over what their batch counts, so counted [1] is what
/// a batch weighs.
///
/// Every batch but the last: sum [P] += counted * gradients [P]; totals [2] += counted, and counted
/// * loss [1]. With the option `first` both are overwritten, so that nothing has to be cleared and
/// a window that was left in its middle leaves no trace. A NaN or an infinity stays in the sums.
struct AccumulateGradients {
  bool first = false;
  Tensor gradients, loss, counted, sum, totals;
  explicit AccumulateGradients(const OpArguments& op);
};

/// The last batch of a window: gradients [P] = (sum + counted * gradients) / total, in place, total
/// being totals[0] + counted, and meanLoss [1] likewise; 0 where nothing was counted. sum and totals
/// are only read.
struct AverageGradients {
  Tensor gradients, loss, counted, sum, totals, mean_loss;
  explicit AverageGradients(const OpArguments& op);
};

}  // namespace bnlstm::ops
