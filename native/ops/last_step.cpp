#include "ops/last_step.h"

namespace bnlstm::ops {
namespace {

/// Reads sizes and lengths off the sequence (x or dx) and returns it.
template <class Op>
Tensor ReadSequence(Op& self, const OpArguments& op, const char* key) {
  const Tensor given = op.Find(key);
  Assert(given.present && given.shape.size() == 3, op.name + " needs " + key + " [T][B][D]");
  self.steps = given.shape[0];
  self.batch = given.shape[1];
  self.width = given.shape[2];
  self.lengths = op.Optional("lengths", DType::kI32, {self.batch});
  return op.RequiredReal(key, given.shape);
}

}  // namespace

LastStep::LastStep(const OpArguments& op) {
  x = ReadSequence(*this, op, "x");
  y = op.Required("y", x.dtype, {batch, width});
}

LastStepBackward::LastStepBackward(const OpArguments& op) {
  dx = ReadSequence(*this, op, "dx");
  dy = op.Required("dy", dx.dtype, {batch, width});
}

}  // namespace bnlstm::ops
