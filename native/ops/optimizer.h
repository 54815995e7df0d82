#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// The device's own record of training, i32 [4]. Written by ops alone, cleared by the host.
enum StateSlot { kApplied = 0, kSkipped = 1, kNonFinite = 2, kStateSlots = 4 };

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

/// A run of the flat parameter array that is trained: learning rate times rateFactor, and weight
/// decay w -= rate * decay * w (decoupled). Option `segments`: begin, count, rateFactor,
/// weightDecay of each, in one list.
struct Segment {
  int64_t begin, count;
  float rate_factor, weight_decay;
};

/// What every optimizer gets. parameters, gradients [P], learningRate [1], scale [1], state. Does
/// nothing while state[kNonFinite] is set. g = scale * gradient.
struct OptimizerStep {
  std::vector<Segment> segments;
  Tensor parameters, gradients, learning_rate, scale, state;
  explicit OptimizerStep(const OpArguments& op);
};

/// Blocks' RMSProp, as the authors ran it: ms = decay ms + (1 - decay) g^2;
/// w -= rate g / max(sqrt(ms), 1 / maxScaling). meanSquare [P], zero at first.
struct RmsProp : OptimizerStep {
  double decay = 0, max_scaling = 0;
  Tensor mean_square;
  explicit RmsProp(const OpArguments& op);
};

/// Blocks' Adam: m, v as usual; w -= rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps),
/// eps before bias correction; t = state[kApplied] + 1.
struct Adam : OptimizerStep {
  double beta1 = 0, beta2 = 0;
  float eps = 0;
  Tensor m, v;
  explicit Adam(const OpArguments& op);
};

/// Last op of a training step: state[kApplied] += 1, or state[kSkipped] += 1 while kNonFinite.
struct CommitStep {
  Tensor state;
  explicit CommitStep(const OpArguments& op);
};

}  // namespace bnlstm::ops
