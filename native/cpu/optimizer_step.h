#pragma once

#include "cpu/parallel.h"
#include "ops/optimizer_step.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {

/// What is the same for all weights of a segment in one step.
struct StepFactors {
  float scale, rate, shrink;  // of the gradient, of the update, of the weight itself (decay)
};

/// Calls update(factors, begin, count) for the pieces of every trained segment; `correction`
/// multiplies the rate of the update but not that of the weight decay.
template <class Update>
void ForSegments(const ops::OptimizerStep& op, double correction, const Context& context,
                 const Update& update) {
  if (op.state.i32()[ops::kNonFinite]) return;
  for (const ops::Segment& segment : op.segments) {
    const double rate = static_cast<double>(op.learning_rate.f32()[0]) * segment.rate_factor;
    const StepFactors factors{op.scale.f32()[0], static_cast<float>(rate * correction),
                              static_cast<float>(rate * segment.weight_decay)};
    ParallelFor(context, segment.count, 4 * kMove, [&](Range range) {
      update(factors, segment.begin + range.begin, range.end - range.begin);
    });
  }
}

}  // namespace bnlstm::cpu
