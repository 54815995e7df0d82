// The kernels of the persistent plan, and which instance serves a shape.
#include "cuda/bn_lstm_persistent.h"

#include "cuda/launch.h"

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

template void Launch(const PersistentPass&, const ForwardRun<uint16_t>&, const Context&);
template void Launch(const PersistentPass&, const ForwardRun<float>&, const Context&);
template void Launch(const PersistentPass&, const BackwardRun<uint16_t>&, const Context&);
template void Launch(const PersistentPass&, const BackwardRun<float>&, const Context&);

}  // namespace bnlstm::cuda
