#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

// The thread of element 0 alone writes what there is once for all elements.

void Run(const ops::AccumulateGradients &op, const Context &context) {
  const float *const gradients = op.gradients.f32(), *const loss = op.loss.f32();
  const float *const counted = op.counted.f32();
  float *const sum = op.sum.f32(), *const totals = op.totals.f32();
  const bool first = op.first;
  ForEach(context, op.sum.count(), [=] __device__(int64_t i) {
    const float weight = *counted, part = weight * gradients[i];
    sum[i] = first ? part : sum[i] + part;
    if (i != 0) return;
    totals[0] = first ? weight : totals[0] + weight;
    totals[1] = first ? weight * *loss : totals[1] + weight * *loss;
  });
}

void Run(const ops::AverageGradients &op, const Context &context) {
  const float *const sum = op.sum.f32(), *const totals = op.totals.f32();
  const float *const loss = op.loss.f32(), *const counted = op.counted.f32();
  float *const gradients = op.gradients.f32(), *const mean_loss = op.mean_loss.f32();
  ForEach(context, op.sum.count(), [=] __device__(int64_t i) {
    const float weight = *counted, all = totals[0] + weight, total = all == 0 ? 1.0f : all;
    gradients[i] = (sum[i] + weight * gradients[i]) / total;
    if (i == 0) *mean_loss = (totals[1] + weight * *loss) / total;
  });
}

}  // namespace bnlstm::cuda
