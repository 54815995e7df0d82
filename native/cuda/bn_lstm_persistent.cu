// The kernels of the persistent plan, and which instance serves a shape.
#include "cuda/bn_lstm_persistent.h"
#include "cuda/launch.h"
#include "cuda/turn.h"

namespace bnlstm::cuda {
namespace {

constexpr int kThreads = kWarpsOfBlock * device::kWarp;

template <class Value, int kItems, int kRows>
__global__ void __launch_bounds__(kThreads, 1) ForwardRunKernel(ForwardRun<Value> run) {
  RunForward<Value, kItems, kRows>(run);
}

template <class Value, int kItems, int kRows>
__global__ void __launch_bounds__(kThreads, 1) BackwardRunKernel(BackwardRun<Value> run) {
  RunBackward<Value, kItems, kRows>(run);
}

template <int kCount>
struct Number {
  static constexpr int value = kCount;
};

/// Calls body with a kernel's items of k and rows of a lane.
template <int kFew, int kMany, class Body>
void WithInstance(const PersistentPass& pass, const Body& body) {
  const auto with_rows = [&](auto items) {
    if (pass.rows == 1) return body(items, Number<1>());
    if (pass.rows == 2) return body(items, Number<2>());
    body(items, Number<4>());
  };
  if (pass.items == kFew) return with_rows(Number<kFew>());
  with_rows(Number<kMany>());
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
void PackBackward(const Value* wh, int64_t hidden, void* to, const Context& context) {
  const int64_t H = hidden, units = PackedUnits(H);
  constexpr int64_t kVector = Operand<Value>::kVector;
  auto* const packed = static_cast<Published<Value>*>(to);
  ForEach(context, 4 * units * units, [=] __device__(int64_t i) {
    const int64_t gate = i / kVector % 4, unit = i / (4 * units);
    const int64_t k = i / (4 * kVector) % (units / kVector) * kVector + i % kVector;
    const bool inside = k < H && unit < H;
    packed[i] = Operand<Value>::Round(inside ? LoadValue(wh + unit * 4 * H + gate * H + k) : 0.0f);
  });
}

template <class Value>
void Launch(const PersistentPass& pass, const ForwardRun<Value>& run, const Context& context) {
  using Items = ForwardItems<Value>;
  WithInstance<Items::kFew, Items::kMany>(pass, [&](auto items, auto rows) {
    LaunchTogether(context, {pass.blocks, kThreads, pass.shared_bytes},
                   ForwardRunKernel<Value, decltype(items)::value, decltype(rows)::value>, run);
  });
}

template <class Value>
void Launch(const PersistentPass& pass, const BackwardRun<Value>& run, const Context& context) {
  using Items = BackwardItems<Value>;
  WithInstance<Items::kFew, Items::kMany>(pass, [&](auto items, auto rows) {
    LaunchTogether(context, {pass.blocks, kThreads, pass.shared_bytes},
                   BackwardRunKernel<Value, decltype(items)::value, decltype(rows)::value>, run);
  });
}

template void PackForward(const uint16_t*, int64_t, void*, const Context&);
template void PackForward(const float*, int64_t, void*, const Context&);
template void PackBackward(const uint16_t*, int64_t, void*, const Context&);
template void PackBackward(const float*, int64_t, void*, const Context&);
template void Launch(const PersistentPass&, const ForwardRun<uint16_t>&, const Context&);
template void Launch(const PersistentPass&, const ForwardRun<float>&, const Context&);
template void Launch(const PersistentPass&, const BackwardRun<uint16_t>&, const Context&);
template void Launch(const PersistentPass&, const BackwardRun<float>&, const Context&);

}  // namespace bnlstm::cuda
