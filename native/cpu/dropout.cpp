#include <algorithm>

#include "core/philox.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

constexpr int64_t kBlock = 4;        // numbers that one Philox block gives
constexpr double kOperations = 200;  // for a block

BNLSTM_CLONES
void DropBlocks(const ops::Dropout& op, const Philox& philox, Range blocks) {
  const float scale = 1.0f / (1.0f - op.rate);
  for (int64_t block = blocks.begin; block < blocks.end; ++block) {
    const Philox::Block words = philox.At(static_cast<uint64_t>(block));
    const int64_t first = block * kBlock, last = std::min(first + kBlock, op.count);
    for (int64_t i = first; i < last; ++i) {
      const float uniform =
          static_cast<float>(words[static_cast<size_t>(i - first)] >> 8) * 0x1p-24f;
      op.y.f32()[i] = uniform >= op.rate ? op.x.f32()[i] * scale : 0.0f;
    }
  }
}

}  // namespace

void Run(const ops::Dropout& op, const Context& context) {
  const Philox philox{op.seed, op.stream, static_cast<uint32_t>(op.attempt.i32()[0])};
  const int64_t blocks = (op.count + kBlock - 1) / kBlock;
  ParallelFor(context, blocks, kOperations, [&](Range range) { DropBlocks(op, philox, range); });
}

}  // namespace bnlstm::cpu
