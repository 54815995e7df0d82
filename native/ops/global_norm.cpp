#include "ops/global_norm.h"

#include "ops/training_state.h"

namespace bnlstm::ops {

GlobalNorm::GlobalNorm(const OpArguments& op) {
  clip_norm = op.Number("clipNorm", 0);
  sticky = op.Flag("sticky");
  gradients = op.Required("gradients", DType::kF32, {op.Find("gradients").count()});
  loss = op.Required("loss", DType::kF32, {1});
  norm = op.Required("norm", DType::kF32, {1});
  scale = op.Required("scale", DType::kF32, {1});
  state = op.Required("state", DType::kI32, {kStateSlots});
}

}  // namespace bnlstm::ops
