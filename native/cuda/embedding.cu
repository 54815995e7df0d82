#include "cuda/device/elements.h"
#include "cuda/device/token_sum.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {
namespace {

constexpr int kWarps = 8;  // of a block

/// A warp sums up 32 columns of one row of the table.
__global__ void EmbeddingGradient(const int32_t* tokens, int64_t places, Elements dy, float* dtable,
                                  int64_t vocabulary, int64_t width) {
  const int64_t groups = (width + device::kWarp - 1) / device::kWarp;
  const int64_t item = device::BlockIndex() * kWarps + device::Warp();
  if (item >= vocabulary * groups) return;  // the whole warp
  const int64_t id = item / groups, column = item % groups * device::kWarp + device::Lane();
  const bool inside = column < width;
  const float sum = device::TokenSum(tokens, places, id, [&](int64_t place) {
    return inside ? dy.Get(place * width + column) : 0.0f;
  });
  if (inside) dtable[id * width + column] = sum;
}

}  // namespace

void Run(const ops::Embedding& op, const Context& context) {
  const int32_t* const tokens = op.tokens.i32();
  const float* const table = op.table.f32();
  const Elements y(op.y);
  const int64_t width = op.width;
  ForEach(context, op.y.count(),
          [=] __device__(int64_t i) { y.Set(i, table[tokens[i / width] * width + i % width]); });
}

void Run(const ops::EmbeddingBackward& op, const Context& context) {
  const int64_t groups = (op.width + device::kWarp - 1) / device::kWarp;
  const int64_t blocks = (op.vocabulary * groups + kWarps - 1) / kWarps;
  Launch(context, {blocks, kWarps * device::kWarp}, EmbeddingGradient, op.tokens.i32(), op.count,
         Elements(op.dy), op.dtable.f32(), op.vocabulary, op.width);
}

}  // namespace bnlstm::cuda
