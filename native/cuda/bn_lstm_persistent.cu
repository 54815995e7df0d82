// The kernels of the persistent plan, forward, and which instance serves a shape.
#include "cuda/bn_lstm_persistent.h"
#include "cuda/turn.h"

namespace bnlstm::cuda {
namespace {

constexpr int kThreads = kWarpsOfBlock * device::kWarp;

template <class Value, int kItems, int kRows>
__global__ void __launch_bounds__(kThreads, 1) ForwardRunKernel(ForwardRun<Value> run, int blocks) {
  RunForward<Value, kItems, kRows>(run, static_cast<int>(device::BlockIndex()), blocks);
}

// Of two directions. Two calls, not a choice of arguments: those are operands of instructions, and to
// be loaded they would take registers.

template <class Value, int kItems, int kRows>
__global__ void __launch_bounds__(kThreads, 1)
    ForwardPairKernel(ForwardRun<Value> run, ForwardRun<Value> other, int blocks) {
  const int block = static_cast<int>(device::BlockIndex());
  if (block < blocks) {
    RunForward<Value, kItems, kRows>(run, block, blocks);
  } else {
    RunForward<Value, kItems, kRows>(other, block - blocks, blocks);
  }
}

}  // namespace

template <class Value>
void PackForward(const Value* wh, int64_t hidden, void* to, const Context& context) {
  const int64_t H = hidden, units = PackedUnits(H);
  auto* const packed = static_cast<Published<Value>*>(to);
  Turn(
      context, units, 4 * units,
      [=] __device__(int64_t k, int64_t column) {
        const int64_t gate = column / units, unit = column % units;
        return k < H && unit < H ? LoadValue(wh + k * 4 * H + gate * H + unit) : 0.0f;
      },
      [=] __device__(int64_t k, int64_t column, float value) {
        packed[column * units + k] = Operand<Value>::Round(value);
      });
}

template <class Value>
void Launch(const PersistentPass& pass, const std::vector<ForwardRun<Value>>& runs,
            const Context& context) {
  using Items = ItemsOfWarp<Value>;
  WithRowsOfLane(pass, [&](auto rows) {
    constexpr int kRows = decltype(rows)::value;
    LaunchInstance(pass, pass.items == Items::kFew, runs,
                   ForwardRunKernel<Value, Items::kFew, kRows>,
                   ForwardRunKernel<Value, Items::kMany, kRows>,
                   ForwardPairKernel<Value, Items::kFew, kRows>, context);
  });
}

template void PackForward(const uint16_t*, int64_t, void*, const Context&);
template void PackForward(const float*, int64_t, void*, const Context&);
template void Launch(const PersistentPass&, const std::vector<ForwardRun<uint16_t>>&,
                     const Context&);
template void Launch(const PersistentPass&, const std::vector<ForwardRun<float>>&, const Context&);

}  // namespace bnlstm::cuda
