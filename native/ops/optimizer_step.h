#pragma once

#include "core/op.h"

namespace bnlstm::ops {

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

}  // namespace bnlstm::ops
