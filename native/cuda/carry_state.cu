#include "core/philox.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

void Run(const ops::CarryState& op, const Context& context) {
  const float *const learned = op.learned.f32(), *const carried = op.carried.f32();
  const int32_t *const reset = op.reset.i32(), *const attempt = op.attempt.i32();
  float* const y = op.y.f32();
  const float noise = op.noise;
  const uint64_t seed = op.seed;
  const uint32_t stream = op.stream;
  const int64_t width = op.width;
  ForEach(context, op.y.count(), [=] __device__(int64_t i) {
    if (reset[i / width] == 0) {
      y[i] = carried[i];
    } else if (noise == 0) {
      y[i] = learned[i % width];
    } else {
      const Philox random{seed, stream, static_cast<uint32_t>(*attempt)};
      y[i] = learned[i % width] + noise * random.Normal(static_cast<uint64_t>(i));
    }
  });
}

void Run(const ops::CarryStateBackward& op, const Context& context) {
  const float* const dy = op.dy.f32();
  const int32_t* const reset = op.reset.i32();
  float* const dlearned = op.dlearned.f32();
  const int64_t batch = op.batch, width = op.width;
  ForEach(context, width, [=] __device__(int64_t j) {
    double sum = 0;
    for (int64_t n = 0; n < batch; ++n) {
      if (reset[n] != 0) sum += dy[n * width + j];
    }
    dlearned[j] = static_cast<float>(sum);
  });
}

}  // namespace bnlstm::cuda
