#include <cmath>

#include "cuda/device/block_sum.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "ops/training_state.h"

namespace bnlstm::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kNormBlock = 4096;  // fixed, so that the sum has one order
constexpr size_t kShared = kThreads / device::kWarp * sizeof(double);

int64_t BlocksOf(const ops::GlobalNorm& op) {
  return (op.gradients.count() + kNormBlock - 1) / kNormBlock;
}

__global__ void SumSquares(const float* gradients, int64_t count, double* sums) {
  const int64_t begin = device::BlockIndex() * kNormBlock;
  const int64_t end = begin + kNormBlock < count ? begin + kNormBlock : count;
  double sum = 0;
  for (int64_t i = begin + device::ThreadIndex(); i < end; i += kThreads) {
    sum += static_cast<double>(gradients[i]) * static_cast<double>(gradients[i]);
  }
  sum = device::BlockSum(sum, device::SharedMemory<double>());
  if (device::ThreadIndex() == 0) sums[device::BlockIndex()] = sum;
}

struct NormResult {
  double clip_norm;
  bool sticky;
  const float* loss;
  float *norm, *scale;
  int32_t* state;
};

__global__ void FoldSquares(const double* sums, int64_t count, NormResult result) {
  double sum = 0;
  for (int64_t i = device::ThreadIndex(); i < count; i += kThreads) sum += sums[i];
  sum = device::BlockSum(sum, device::SharedMemory<double>());
  if (device::ThreadIndex() != 0) return;
  const double exact = std::sqrt(sum);
  const auto norm = static_cast<float>(exact);
  const bool keep = result.clip_norm == 0 || exact < result.clip_norm;
  *result.norm = norm;
  *result.scale = keep ? 1.0f : static_cast<float>(result.clip_norm / exact);
  int32_t& non_finite = result.state[ops::kNonFinite];
  if (!std::isfinite(norm) || !std::isfinite(*result.loss)) {
    non_finite = 1;
  } else if (!result.sticky) {
    non_finite = 0;
  }
}

}  // namespace

size_t Workspace(const ops::GlobalNorm& op) {
  return static_cast<size_t>(BlocksOf(op)) * sizeof(double);
}

void Run(const ops::GlobalNorm& op, const Context& context) {
  auto* const sums = reinterpret_cast<double*>(context.workspace);
  const int64_t blocks = BlocksOf(op);
  Launch(context, {blocks, kThreads, kShared}, SumSquares, op.gradients.f32(), op.gradients.count(),
         sums);
  Launch(context, {1, kThreads, kShared}, FoldSquares, sums, blocks,
         NormResult{op.clip_norm, op.sticky, op.loss.f32(), op.norm.f32(), op.scale.f32(),
                    op.state.i32()});
}

}  // namespace bnlstm::cuda
