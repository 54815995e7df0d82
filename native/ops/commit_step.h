#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// Last op of a training step: state[kApplied] += 1, or state[kSkipped] += 1 while kNonFinite.
struct CommitStep {
  Tensor state;
  explicit CommitStep(const OpArguments& op);
};

}  // namespace bnlstm::ops
