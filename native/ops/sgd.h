#pragma once

#include "ops/optimizer_step.h"

namespace bnlstm::ops {

/// Stochastic gradient descent as PyTorch has it: without momentum w -= rate g; with it
/// v = momentum v + g, and w -= rate v, or with the option `nesterov` w -= rate (g + momentum v).
/// velocity [P], zero at first: there if and only if momentum is not 0.
struct Sgd : OptimizerStep {
  float momentum = 0;
  bool nesterov = false;
  Tensor velocity;
  explicit Sgd(const OpArguments& op);
};

}  // namespace bnlstm::ops
