#include "cuda/bn_lstm_plan.h"

#include "core/error.h"
#include "cuda/bn_lstm_layout.h"

namespace bnlstm::cuda {
namespace {

/// What the two passes differ in.
struct PassShape {
  int published;  // gates, or h
  bool backward;  // groups of blocks add up; steps run again where they were not kept
};
constexpr PassShape kForward{1, false}, kBackward{4, true};

int64_t Parts(int64_t n, int64_t parts) { return (n + parts - 1) / parts; }

/// How the warps of a block share the product of `items` with an instance of the kernel: so that the
/// longest share is short, with few sums to add up. False where it does not fit.
bool Divide(int items, int instance, const PassShape& shape, const BnLstmLayout& at,
            const DeviceFacts& device, PersistentPass* pass) {
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
template <class Value>
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
           " multiprocessors (4 for each 32 units), and the GPU has " +
           Number(device.multiprocessors);
  }
  if (at.B > kMostRows) {
    return "a batch of " + Number(at.B) + " rows is too large; it holds " + Number(kMostRows);
  }
  // The instance for many items spills registers where rows are many.
  using Instance = ItemsOfWarp<Value>;
  const int items = Items<Value>(blocks);
  if (!Divide(items, Instance::kFew, shape, at, device, pass) &&
      !Divide(items, Instance::kMany, shape, at, device, pass)) {
    return "weights or sums of " + Number(at.H) + " hidden units and " + Number(at.B) +
           " rows do not fit into a multiprocessor";
  }
  const int64_t published = shape.published * ExchangeVectors<Value>(blocks, TileRows(at.B));
  pass->blocks = blocks;
  pass->rows = RowsOfLanes(at.B);
  pass->exchange_bytes = static_cast<size_t>(published) * kVectorBytes;
  pass->group_bytes = shape.backward ? static_cast<size_t>(GroupVectors(blocks)) * kVectorBytes : 0;
  return "";
}

/// By the times of bench/results/plans-h200-2026-11-27.json 'auto' takes the persistent plan wherever it
/// serves: it was faster than `steps`, forward and backward, at all that was measured, on an H200 alone.
/// Single steps, which services ask for, were not: weights in registers are for steps that follow.
/// `overlapped` is for those who ask for it: it has not been measured.
BnLstmChoice Choose(const ops::BnLstmOperands& op, const BnLstmLayout& at,
                    const DeviceFacts& device, const PassShape& shape) {
  using Plan = ops::BnLstmPlan;
  BnLstmChoice choice;
  choice.name = "steps";
  const std::string steps = "for each step a product of cuBLAS and a kernel, " +
                            Number(UnitBlocks(at.H)) +
                            " blocks with 8 hidden units each, in one CUDA graph: ";
  if (op.plan == Plan::kSteps) {
    choice.why = steps + "it was asked for";
    return choice;
  }
  if (op.plan == Plan::kAuto && at.T == 1) {
    choice.why = steps + "'persistent' would pack all weights for a single step";
    return choice;
  }
  const auto fit = op.bf16 ? Fit<uint16_t> : Fit<float>;
  const std::string why_not = fit(op, at, device, shape, &choice.pass);
  if (why_not.empty()) {
    const Split& split = choice.pass.split;
    choice.persistent = true;
    choice.name = "persistent";
    std::string beside;
    if (op.plan == Plan::kOverlapped) {
      const bool again = shape.backward && BnLstmLayout::ChunkSteps(op, at) < at.T;
      choice.name = "overlapped";
      choice.overlaps = at.runs(at.T) > 1 && !again;
      beside = choice.overlaps ? ", the products before and after them beside other steps"
               : again         ? ", nothing beside them as steps run again"
                               : ", nothing beside them as all are one run";
    }
    choice.together = at.R == 2 && 2 * choice.pass.blocks <= device.multiprocessors &&
                      choice.pass.items == kFewItems;
    choice.why = "one launch for up to " + Number(at.run) + " steps, " +
                 Number(choice.pass.blocks) +
                 " blocks with up to 8 hidden units each, weights in registers, the product shared "
                 "by " +
                 Number(split.slices) + " x " + Number(split.parts) + " warps" +
                 (choice.together ? ", both directions at the same time" : "") + beside +
                 (op.plan == Plan::kAuto ? "" : ": it was asked for");
    return choice;
  }
  if (op.plan != Plan::kAuto) {
    const std::string asked = op.plan == Plan::kPersistent ? "persistent" : "overlapped";
    throw Error(kUnsupported, "plan: expected 'auto' or 'steps', got '" + asked + "': " + why_not);
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

size_t ExchangeBytes(const BnLstmChoice& choice, const BnLstmLayout& at) {
  const PersistentPass& pass = choice.pass;
  return choice.persistent ? pass.group_bytes + static_cast<size_t>(at.run) * pass.exchange_bytes
                           : 0;
}

}  // namespace bnlstm::cuda
