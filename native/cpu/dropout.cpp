#include <algorithm>

#include "core/philox.h"
#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

constexpr int64_t kBlock = 4;        // numbers that one Philox block gives
constexpr double kOperations = 200;  // for a block
static_assert(kRun % kBlock == 0);

/// Of a run of `count` elements, which begins with a Philox block of its own.
BNLSTM_CLONES
void DropRun(float rate, const Philox& philox, int64_t first_block, const float* x, float* y,
             int64_t count) {
  const float scale = 1.0f / (1.0f - rate);
  for (int64_t first = 0; first < count; first += kBlock) {
    const Philox::Block words = philox.At(static_cast<uint64_t>(first_block + first / kBlock));
    const int64_t last = std::min(first + kBlock, count);
    for (int64_t i = first; i < last; ++i) {
      const float uniform =
          static_cast<float>(words[static_cast<size_t>(i - first)] >> 8) * 0x1p-24f;
      y[i] = uniform >= rate ? x[i] * scale : 0.0f;
    }
  }
}

}  // namespace

void Run(const ops::Dropout& op, const Context& context) {
  const Philox philox{op.seed, op.stream, static_cast<uint32_t>(op.attempt.i32()[0])};
  const int64_t blocks = (op.count + kBlock - 1) / kBlock;
  ParallelFor(context, blocks, kOperations, [&](Range range) {
    Reader read(op.x, kRun);
    Writer write(op.y, kRun);
    const int64_t end = std::min(range.end * kBlock, op.count);
    for (int64_t begin = range.begin * kBlock; begin < end; begin += kRun) {
      const int64_t count = std::min(kRun, end - begin);
      DropRun(op.rate, philox, begin / kBlock, read.At(begin, count), write.At(begin), count);
      write.Store(begin, count);
    }
  });
}

}  // namespace bnlstm::cpu
