// The kernels of the persistent plan, backward, and which instance serves a shape.
#include "cuda/bn_lstm_persistent.h"

namespace bnlstm::cuda {
namespace {

constexpr int kThreads = kWarpsOfBlock * device::kWarp;

template <class Value, int kItems, int kRows>
__global__ void __launch_bounds__(kThreads, 1)
    BackwardRunKernel(BackwardRun<Value> run, int blocks) {
  RunBackward<Value, kItems, kRows>(run, static_cast<int>(device::BlockIndex()), blocks);
}

template <class Value, int kItems, int kRows>
__global__ void __launch_bounds__(kThreads, 1)
    BackwardPairKernel(BackwardRun<Value> run, BackwardRun<Value> other, int blocks) {
  const int block = static_cast<int>(device::BlockIndex());
  if (block < blocks) {
    RunBackward<Value, kItems, kRows>(run, block, blocks);
  } else {
    RunBackward<Value, kItems, kRows>(other, block - blocks, blocks);
  }
}

}  // namespace

template <class Value>
void PackBackward(const Value* wh, int64_t hidden, void* to, const Context& context) {
  const int64_t H = hidden, units = PackedUnits(H);
  auto* const packed = static_cast<Published<Value>*>(to);
  ForRows(context, 4 * units, units, [=] __device__(int64_t row, int64_t k) {
    // Of block 4 group + gate, for the units of the group's block number `member`.
    const int64_t member = row / units, place = row % units;
    const int64_t block = place / kUnitsOfBlock, gate = block % kBlocksOfGroup;
    const int64_t unit = (block - gate + member) * kUnitsOfBlock + place % kUnitsOfBlock;
    const bool inside = k < H && unit < H;
    const float value = inside ? LoadValue(wh + unit * 4 * H + gate * H + k) : 0.0f;
    packed[row * units + k] = Operand<Value>::Round(value);
  });
}

template <class Value>
void Launch(const PersistentPass& pass, const std::vector<BackwardRun<Value>>& runs,
            const Context& context) {
  using Items = ItemsOfWarp<Value>;
  WithRowsOfLane(pass, [&](auto rows) {
    constexpr int kRows = decltype(rows)::value;
    LaunchInstance(pass, pass.items == Items::kFew, runs,
                   BackwardRunKernel<Value, Items::kFew, kRows>,
                   BackwardRunKernel<Value, Items::kMany, kRows>,
                   BackwardPairKernel<Value, Items::kFew, kRows>, context);
  });
}

template void PackBackward(const uint16_t*, int64_t, void*, const Context&);
template void PackBackward(const float*, int64_t, void*, const Context&);
template void Launch(const PersistentPass&, const std::vector<BackwardRun<uint16_t>>&,
                     const Context&);
template void Launch(const PersistentPass&, const std::vector<BackwardRun<float>>&, const Context&);

}  // namespace bnlstm::cuda
