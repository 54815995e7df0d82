#include "cuda/bn_lstm_layout.h"
#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

OpSizes Sizes(const ops::BnLstmPack& op) {
  const int64_t numbers = op.directions * (op.inputs + op.hidden) * 4 * op.hidden;
  return {.packed = static_cast<size_t>(numbers) * (op.bf16 ? 2 : 4)};
}

/// As they are, in the type of the products' operands: [R]{Wx [D][4H], Wh [H][4H]}.
void Run(const ops::BnLstmPack& op, const Context& context) {
  const int64_t gates = 4 * op.hidden, wx_count = op.inputs * gates, wh_count = op.hidden * gates;
  const int64_t count = wx_count + wh_count;
  const float *const wx = op.wx.f32(), *const wh = op.wh.f32();
  const Elements packed(Tensor{op.bf16 ? DType::kBF16 : DType::kF32, {}, op.packed.data, true});
  ForEach(context, op.directions * count, [=] __device__(int64_t i) {
    const int64_t r = i / count, k = i % count;
    packed.Set(i, k < wx_count ? wx[r * wx_count + k] : wh[r * wh_count + k - wx_count]);
  });
}

}  // namespace bnlstm::cuda
