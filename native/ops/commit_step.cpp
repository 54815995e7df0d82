#include "ops/commit_step.h"

#include "ops/training_state.h"

namespace bnlstm::ops {

CommitStep::CommitStep(const OpArguments& op) {
  state = op.Required("state", DType::kI32, {kStateSlots});
}

}  // namespace bnlstm::ops
