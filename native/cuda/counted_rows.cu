#include "cuda/counted_rows.h"

namespace bnlstm::cuda {
namespace {

__global__ void FoldKernel(const LossSums* parts, int64_t count, LossResult result) {
  LossSums own;
  for (int64_t i = device::ThreadIndex(); i < count; i += device::ThreadCount()) {
    own.loss += parts[i].loss;
    own.correct += parts[i].correct;
    own.counted += parts[i].counted;
  }
  const LossSums total = BlockLossSums(own);
  if (device::ThreadIndex() != 0) return;
  const double elements = total.counted * static_cast<double>(result.elements);
  *result.loss = total.counted == 0 ? 0.0f : static_cast<float>(total.loss / elements);
  if (result.correct != nullptr) *result.correct = static_cast<float>(total.correct);
  *result.counted = static_cast<float>(total.counted);
}

}  // namespace

void FoldLossSums(const LossSums* parts, int64_t count, const LossResult& result,
                  const Context& context) {
  Launch(context, {1, kLossThreads, kLossShared}, FoldKernel, parts, count, result);
}

}  // namespace bnlstm::cuda
