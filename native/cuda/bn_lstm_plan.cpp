#include "cuda/bn_lstm_plan.h"

#include "core/error.h"

namespace bnlstm::cuda {

void CheckPlan(const ops::BnLstmShape& op) {
  if (op.plan != ops::BnLstmPlan::kPersistent) return;
  throw Error(kUnsupported,
              "plan: expected 'auto' or 'steps', got 'persistent': this build has no such kernels");
}

std::string WhySteps(const ops::BnLstmShape& op) {
  return op.plan == ops::BnLstmPlan::kSteps ? "it was asked for" : "the plan for any shape";
}

}  // namespace bnlstm::cuda
