#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

BNLSTM_CLONES
void Weigh(float weight, int64_t count, const float* __restrict gradient, float* __restrict sum) {
  for (int64_t i = 0; i < count; ++i) sum[i] = weight * gradient[i];
}

BNLSTM_CLONES
void Add(float weight, int64_t count, const float* __restrict gradient, float* __restrict sum) {
  for (int64_t i = 0; i < count; ++i) sum[i] += weight * gradient[i];
}

BNLSTM_CLONES
void Average(float weight, float total, int64_t count, const float* __restrict sum,
             float* __restrict gradient) {
  for (int64_t i = 0; i < count; ++i) gradient[i] = (sum[i] + weight * gradient[i]) / total;
}

}  // namespace

void Run(const ops::AccumulateGradients& op, const Context& context) {
  const float counted = op.counted.f32()[0], loss = counted * op.loss.f32()[0];
  float* totals = op.totals.f32();
  totals[0] = op.first ? counted : totals[0] + counted;
  totals[1] = op.first ? loss : totals[1] + loss;
  ParallelFor(context, op.sum.count(), 3 * kMove, [&](Range range) {
    const auto run = op.first ? Weigh : Add;
    run(counted, range.end - range.begin, op.gradients.f32() + range.begin,
        op.sum.f32() + range.begin);
  });
}

void Run(const ops::AverageGradients& op, const Context& context) {
  const float counted = op.counted.f32()[0], all = op.totals.f32()[0] + counted;
  const float total = all == 0 ? 1.0f : all;
  op.mean_loss.f32()[0] = (op.totals.f32()[1] + counted * op.loss.f32()[0]) / total;
  ParallelFor(context, op.sum.count(), 3 * kMove, [&](Range range) {
    Average(counted, total, range.end - range.begin, op.sum.f32() + range.begin,
            op.gradients.f32() + range.begin);
  });
}

}  // namespace bnlstm::cpu
