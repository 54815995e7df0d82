#include "cuda/bn_lstm_plan.h"

#include <algorithm>

#include "cuda/bn_lstm_layout.h"
#include "cuda/device/backward_run.h"
#include "cuda/device/forward_run.h"

namespace bnlstm::cuda {
namespace {

/// What the two passes differ in.
struct PassShape {
  int64_t items, tiles;  // of the whole product
  int few, many;         // items of k of the instances
  size_t (*shared_bytes)(const Split& split, int64_t padded);
};

template <class Value>
PassShape ForwardShape(int64_t blocks, int64_t padded) {
  const int64_t vectors = blocks * kUnitsOfBlock / Operand<Value>::kVector;
  using Items = ForwardItems<Value>;
  return {(vectors + 3) / 4, padded / 8, Items::kFew, Items::kMany,
          ForwardRun<Value>::SharedBytes};
}

template <class Value>
PassShape BackwardShape(int64_t blocks, int64_t padded) {
  const int64_t groups = blocks * kUnitsOfBlock / Operand<Value>::kVector;
  using Items = BackwardItems<Value>;
  return {groups, (padded + 15) / 16, Items::kFew, Items::kMany, BackwardRun<Value>::SharedBytes};
}

int64_t Parts(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }

/// How the warps of a block share the product out: so that the longest share is short, then with few
/// sums to add up. False where it does not fit.
bool Divide(const PassShape& shape, int64_t padded, const DeviceFacts& device,
            PersistentPass* pass) {
  int64_t best = 0;
  for (const int slices : {1, 2, 4, 8}) {
    const int parts = kWarpsOfBlock / slices;
    const Split split{slices, parts, static_cast<int>(Parts(shape.items, slices)),
                      static_cast<int>(Parts(shape.tiles, parts))};
    const size_t shared = shape.shared_bytes(split, padded);
    if (split.items > shape.many || shared > device.shared_bytes) continue;
    const int64_t cost = 4 * split.items * split.tiles + slices;
    if (best != 0 && cost >= best) continue;
    best = cost;
    pass->split = split;
    pass->items = split.items <= shape.few ? shape.few : shape.many;
    pass->shared_bytes = shared;
  }
  return best != 0;
}

std::string Number(int64_t n) { return std::to_string(n); }

BnLstmChoice Choose(const ops::BnLstmShape& op, bool by_row, const DeviceFacts& device,
                    const PassShape& shape) {
  const int64_t padded = RoundUp(op.batch, 8), blocks = Parts(op.hidden, kUnitsOfBlock);
  constexpr int64_t kMostRows = 128;
  BnLstmChoice choice;
  const auto refuse = [&](const std::string& why) {
    choice.why = "not persistent: " + why;
    return choice;
  };
  if (!op.bf16 && !device.tf32) return refuse("products of f32 are exact, and its are of bf16 or TF32");
  if (by_row) return refuse("rows stand at different steps of the population statistics");
  if (device.capability < 80) return refuse("the GPU's compute capability is below 8.0");
  if (!device.cooperative) return refuse("the GPU cannot promise that all blocks run together");
  if (blocks > device.multiprocessors) {
    return refuse(Number(op.hidden) + " hidden units take " + Number(blocks) +
                  " multiprocessors, and the GPU has " + Number(device.multiprocessors));
  }
  if (op.batch > kMostRows) {
    return refuse("a batch of " + Number(op.batch) + " rows; it holds " + Number(kMostRows));
  }
  if (!Divide(shape, padded, device, &choice.pass)) {
    return refuse("the weights do not fit into registers, or the sums into shared memory");
  }
  choice.pass.blocks = blocks;
  choice.pass.rows = padded <= 32 ? 1 : padded <= 64 ? 2 : 4;
  choice.persistent = true;
  choice.why = "one launch for many steps, " + Number(blocks) +
               " blocks with 8 hidden units each, the weights in registers";
  return choice;
}

}  // namespace

BnLstmChoice ChooseForward(const ops::BnLstmShape& op, bool by_row, const DeviceFacts& device) {
  const int64_t padded = RoundUp(op.batch, 8), blocks = Parts(op.hidden, kUnitsOfBlock);
  return Choose(op, by_row, device,
                op.bf16 ? ForwardShape<uint16_t>(blocks, padded)
                        : ForwardShape<float>(blocks, padded));
}

BnLstmChoice ChooseBackward(const ops::BnLstmShape& op, bool by_row, const DeviceFacts& device) {
  const int64_t padded = RoundUp(op.batch, 8), blocks = Parts(op.hidden, kUnitsOfBlock);
  return Choose(op, by_row, device,
                op.bf16 ? BackwardShape<uint16_t>(blocks, padded)
                        : BackwardShape<float>(blocks, padded));
}

}  // namespace bnlstm::cuda
