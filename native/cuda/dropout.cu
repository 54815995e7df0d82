#include "core/philox.h"
#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

void Run(const ops::Dropout& op, const Context& context) {
  constexpr int64_t kBlock = 4;  // numbers that one Philox block gives
  const Elements x(op.x), y(op.y);
  const int32_t* const attempt = op.attempt.i32();
  const uint64_t seed = op.seed;
  const uint32_t stream = op.stream;
  const int64_t count = op.count;
  const float rate = op.rate, scale = 1.0f / (1.0f - rate);
  ForEach(context, (count + kBlock - 1) / kBlock, [=] __device__(int64_t block) {
    const Philox philox{seed, stream, static_cast<uint32_t>(*attempt)};
    const Philox::Block words = philox.At(static_cast<uint64_t>(block));
    for (int64_t k = 0; k < kBlock && block * kBlock + k < count; ++k) {
      const int64_t i = block * kBlock + k;
      const float uniform = static_cast<float>(words[static_cast<size_t>(k)] >> 8) * 0x1p-24f;
      y.Set(i, uniform >= rate ? x.Get(i) * scale : 0.0f);
    }
  });
}

}  // namespace bnlstm::cuda
