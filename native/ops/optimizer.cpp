#include "ops/optimizer.h"

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

OptimizerStep::OptimizerStep(const OpArguments& op) {
  const int64_t count = op.Find("parameters").count();
  parameters = op.Required("parameters", DType::kF32, {count});
  gradients = op.Required("gradients", DType::kF32, {count});
  learning_rate = op.Required("learningRate", DType::kF32, {1});
  scale = op.Required("scale", DType::kF32, {1});
  state = op.Required("state", DType::kI32, {kStateSlots});

  const std::vector<double>& numbers = op.Numbers("segments");
  Assert(numbers.size() % 4 == 0, op.name + ": segments come in fours");
  for (size_t k = 0; k < numbers.size(); k += 4) {
    const Segment segment{static_cast<int64_t>(numbers[k]), static_cast<int64_t>(numbers[k + 1]),
                          static_cast<float>(numbers[k + 2]), static_cast<float>(numbers[k + 3])};
    Assert(segment.begin >= 0 && segment.count >= 0 && segment.begin <= count - segment.count,
           op.name + ": a segment lies outside the parameters");
    segments.push_back(segment);
  }
}

RmsProp::RmsProp(const OpArguments& op) : OptimizerStep(op) {
  decay = op.Number("decay");
  max_scaling = op.Number("maxScaling");
  mean_square = op.Required("meanSquare", DType::kF32, parameters.shape);
}

Adam::Adam(const OpArguments& op) : OptimizerStep(op) {
  beta1 = op.Number("beta1");
  beta2 = op.Number("beta2");
  eps = static_cast<float>(op.Number("eps"));
  m = op.Required("m", DType::kF32, parameters.shape);
  v = op.Required("v", DType::kF32, parameters.shape);
}

CommitStep::CommitStep(const OpArguments& op) {
  state = op.Required("state", DType::kI32, {kStateSlots});
}

}  // namespace bnlstm::ops
