#include "ops/optimizer_step.h"

#include "ops/training_state.h"

namespace bnlstm::ops {

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

}  // namespace bnlstm::ops
