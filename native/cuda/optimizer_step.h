#pragma once

#include <algorithm>

#include "cuda/launch.h"
#include "ops/optimizer_step.h"
#include "ops/training_state.h"

namespace bnlstm::cuda {

/// What is the same for all weights of a segment in one step.
struct StepFactors {
  float scale, rate, shrink;  // of the gradient, of the update, of the weight itself (decay)
  float eps;                  // beside a root, in optimizers that have one
};

/// What depends on a step's number: what multiplies the rate of the update (not that of the weight
/// decay), and eps.
struct StepCorrection {
  double rate, eps;
};

/// A segment of the parameters, and where the numbers of a step are read.
struct StepSegment {
  const float *learning_rate, *scale;
  const int32_t* state;
  int64_t begin, count;
  float rate_factor, weight_decay;
};

/// Update: `StepCorrection Correction(double step)` and
/// `void operator()(const StepFactors&, int64_t i)`.
template <class Update>
__global__ void StepKernel(StepSegment segment, Update update) {
  if (segment.state[ops::kNonFinite] != 0) return;
  StepFactors* const shared = device::SharedMemory<StepFactors>();
  if (device::ThreadIndex() == 0) {  // powers in double precision are slow
    const double rate = static_cast<double>(*segment.learning_rate) * segment.rate_factor;
    const StepCorrection correction = update.Correction(segment.state[ops::kApplied] + 1.0);
    *shared = {*segment.scale, static_cast<float>(rate * correction.rate),
               static_cast<float>(rate * segment.weight_decay), static_cast<float>(correction.eps)};
  }
  device::SyncBlock();
  const StepFactors factors = *shared;
  const int64_t stride = device::BlockCount() * device::ThreadCount();
  for (int64_t i = device::BlockIndex() * device::ThreadCount() + device::ThreadIndex();
       i < segment.count; i += stride)
    update(factors, segment.begin + i);
}

/// Updates every trained weight; neighbouring segments of equal factors in one launch.
template <class Update>
void ForSegments(const ops::OptimizerStep& op, const Context& context, const Update& update) {
  constexpr int kThreads = 256, kBlocksPerMultiprocessor = 8;
  const int64_t most = int64_t{context.device->multiprocessors} * kBlocksPerMultiprocessor;
  for (size_t k = 0; k < op.segments.size();) {
    ops::Segment run = op.segments[k];
    for (++k; k < op.segments.size(); ++k) {
      const ops::Segment& next = op.segments[k];
      if (next.begin != run.begin + run.count || next.rate_factor != run.rate_factor ||
          next.weight_decay != run.weight_decay)
        break;
      run.count += next.count;
    }
    const StepSegment segment{
        op.learning_rate.f32(), op.scale.f32(),  op.state.i32(), run.begin, run.count,
        run.rate_factor,        run.weight_decay};
    const int64_t blocks = std::min((run.count + kThreads - 1) / kThreads, most);
    Launch(context, {blocks, kThreads, sizeof(StepFactors)}, StepKernel<Update>, segment, update);
  }
}

}  // namespace bnlstm::cuda
