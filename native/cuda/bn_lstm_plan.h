#pragma once

#include <string>

#include "ops/bn_lstm.h"

namespace bnlstm::cuda {

/// Throws kUnsupported where the op asks for a plan that does not serve it.
void CheckPlan(const ops::BnLstmShape& op);

/// Why the op has the plan `steps`: words for users.
std::string WhySteps(const ops::BnLstmShape& op);

}  // namespace bnlstm::cuda
