#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// Global norm of the flat gradients [P] over all parameters together, for clipping.
/// Writes norm [1] and scale [1]: 1 if norm < clipNorm (option; 0: never clip), else clipNorm /
/// norm. Sets state[kNonFinite] to 1 if norm or loss [1] is not finite; else to 0, unless the
/// option `sticky` keeps it as it was. Squares are summed in f64, blocks in order.
struct GlobalNorm {
  double clip_norm = 0;
  bool sticky = false;
  Tensor gradients, loss, norm, scale, state;
  explicit GlobalNorm(const OpArguments& op);
};

}  // namespace bnlstm::ops
