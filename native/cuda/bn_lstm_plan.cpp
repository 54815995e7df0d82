#include "cuda/bn_lstm_plan.h"

#include "core/error.h"
#include "cuda/bn_lstm_layout.h"

namespace bnlstm::cuda {
namespace {

/// What the two passes differ in.
struct PassShape {
  int64_t most_bytes;  // of the batch's values of all units, up to which 'auto' takes the plan
  int published;       // gates or states
};

// By the times of bench/results/plans-h200-2026-11-27.json: forward the persistent plan was the faster
// one at all that was measured; backward, where every block reads four times as much, up to 256 units
// of 64 rows in bf16 and 128 units of 64 rows in TF32, and no longer at 512.
constexpr PassShape kForward{INT64_MAX, 1}, kBackward{32 << 10, 4};

int64_t Parts(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }

/// How the warps of a block share the product with an instance of the kernel: so that the longest share
/// is short, with few sums to add up. False where it does not fit.
bool Divide(const PassShape& shape, const BnLstmLayout& at, const DeviceFacts& device, int instance,
            PersistentPass* pass) {
  const int64_t items = at.value_bytes == 2 ? Items<uint16_t>(pass->blocks) : Items<float>(pass->blocks);
  int64_t best = 0;
  for (const int slices : {1, 2, 4, 8}) {
    const int parts = kWarpsOfBlock / slices;
    const Split split{slices, parts, static_cast<int>(Parts(items, slices)),
                      static_cast<int>(Parts(TileRows(at.B) / kTileRows, parts))};
    const size_t shared = SharedBytes(split, RowsOfLanes(at.B), shape.published, at.value_bytes);
    if (split.items > instance || shared > device.shared_bytes) continue;
    // Instructions: of an item that is not there one third of those of one that is.
    const int64_t cost = split.tiles * (instance + 2 * split.items) + 2 * slices;
    if (best != 0 && cost >= best) continue;
    best = cost;
    pass->split = split;
    pass->items = instance;
    pass->shared_bytes = shared;
  }
  return best != 0;
}

std::string Number(int64_t n) { return std::to_string(n); }

/// Why the persistent plan cannot serve the op; empty, and the pass, where it can.
std::string Fit(const ops::BnLstmOperands& op, const BnLstmLayout& at, const DeviceFacts& device,
                const PassShape& shape, PersistentPass* pass) {
  constexpr int64_t kMostRows = 128;
  const int64_t blocks = PersistentBlocks(at.H);
  if (!op.bf16 && !device.tf32) {
    return "its products round their operands to bf16 or TF32, and neither dtype 'bf16' nor tf32 "
           "was asked for";
  }
  if (op.population && op.first_step) {
    return "rows stand at different steps of the population statistics";
  }
  if (device.capability < 80) return "the GPU's compute capability is below 8.0";
  if (!device.cooperative) return "the GPU does not run all blocks of a grid at the same time";
  if (blocks > device.multiprocessors) {
    return Number(at.H) + " hidden units need " + Number(blocks) +
           " multiprocessors, and the GPU has " + Number(device.multiprocessors);
  }
  if (at.B > kMostRows) {
    return "a batch of " + Number(at.B) + " rows is too large; it holds " + Number(kMostRows);
  }
  pass->blocks = blocks;
  // The instance for many items spills registers where rows are many.
  const int few = at.value_bytes == 2 ? ItemsOfWarp<uint16_t>::kFew : ItemsOfWarp<float>::kFew;
  const int many = at.value_bytes == 2 ? ItemsOfWarp<uint16_t>::kMany : ItemsOfWarp<float>::kMany;
  if (!Divide(shape, at, device, few, pass) && !Divide(shape, at, device, many, pass)) {
    return "weights or sums of " + Number(at.H) + " hidden units and " + Number(at.B) +
           " rows do not fit into a multiprocessor";
  }
  pass->rows = RowsOfLanes(at.B);
  return "";
}

BnLstmChoice Choose(const ops::BnLstmOperands& op, const BnLstmLayout& at,
                    const DeviceFacts& device, const PassShape& shape) {
  using Plan = ops::BnLstmPlan;
  BnLstmChoice choice;
  const std::string steps = "for each step a product of cuBLAS and a kernel, " +
                            Number(UnitBlocks(at.H)) +
                            " blocks with 8 hidden units each, in one CUDA graph: ";
  if (op.plan == Plan::kSteps) {
    choice.why = steps + "it was asked for";
    return choice;
  }
  const std::string why_not = Fit(op, at, device, shape, &choice.pass);
  const int64_t bytes = at.B * at.H * static_cast<int64_t>(at.value_bytes);
  if (why_not.empty() && op.plan == Plan::kAuto && bytes > shape.most_bytes) {
    choice.why = steps + "'persistent' serves it, but was measured slower at this size";
    return choice;
  }
  if (why_not.empty()) {
    const Split& split = choice.pass.split;
    choice.persistent = true;
    choice.together = at.R == 2 && 2 * choice.pass.blocks <= device.multiprocessors &&
                      choice.pass.items == ItemsOfWarp<float>::kFew;
    choice.why = "one launch for up to " + Number(at.run) + " steps, " +
                 Number(choice.pass.blocks) +
                 " blocks with 8 hidden units each, their weights in registers, the product shared "
                 "by " +
                 Number(split.slices) + " x " + Number(split.parts) + " warps" +
                 (choice.together ? ", both directions at the same time" : "") +
                 (op.plan == Plan::kPersistent ? ": it was asked for" : "");
    return choice;
  }
  if (op.plan == Plan::kPersistent) {
    throw Error(kUnsupported, "plan: expected 'auto' or 'steps', got 'persistent': " + why_not);
  }
  choice.why = steps + "'persistent' does not serve it, as " + why_not;
  return choice;
}

}  // namespace

BnLstmChoice ChooseForward(const ops::BnLstmOperands& op, const DeviceFacts& device) {
  return Choose(op, BnLstmLayout(op), device, kForward);
}

BnLstmChoice ChooseBackward(const ops::BnLstmOperands& op, const DeviceFacts& device) {
  return Choose(op, BnLstmLayout(op), device, kBackward);
}

size_t PackedBytes(const BnLstmChoice& choice, size_t value_bytes) {
  const int64_t units = choice.persistent ? choice.pass.blocks * kUnitsOfBlock : 0;
  return static_cast<size_t>(4 * units * units) * value_bytes;
}

size_t ForwardExchangeBytes(const BnLstmChoice& choice, const BnLstmLayout& at) {
  if (!choice.persistent) return 0;
  const int64_t blocks = choice.pass.blocks;
  const int rows = TileRows(at.B);
  return static_cast<size_t>(at.run * (at.value_bytes == 2 ? ExchangeVectors<uint16_t>(blocks, rows)
                                                           : ExchangeVectors<float>(blocks, rows))) *
         kVectorBytes;
}

size_t GroupBytes(const BnLstmChoice& choice) {
  return choice.persistent ? static_cast<size_t>(GroupVectors(choice.pass.blocks)) * kVectorBytes : 0;
}

size_t BackwardExchangeBytes(const BnLstmChoice& choice, const BnLstmLayout& at) {
  return 4 * ForwardExchangeBytes(choice, at) + GroupBytes(choice);
}

}  // namespace bnlstm::cuda
