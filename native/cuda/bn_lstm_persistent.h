#pragma once

#include "cuda/context.h"
#include "cuda/device/backward_run.h"
#include "cuda/device/forward_run.h"

namespace bnlstm::cuda {

/// Of a block for another, in nanoseconds. All of a grid's blocks run, and a step takes microseconds.
constexpr int64_t kLongestWait = 4'000'000'000;

/// Wh [H][4H] as the kernels read it into registers, by 16 bytes: neighbours in k side by side, both
/// axes filled up with zeros to PackedUnits. Forward [4 gates][units][k]; backward
/// [units][k / kVector][4 gates][kVector]. PackedBytes of memory.
constexpr int64_t PackedUnits(int64_t hidden) {
  return (hidden + kUnitsOfBlock - 1) / kUnitsOfBlock * kUnitsOfBlock;
}
template <class Value>
void PackForward(const Value* wh, int64_t hidden, void* to, const Context& context);
template <class Value>
void PackBackward(const Value* wh, int64_t hidden, void* to, const Context& context);

/// Enqueues one launch of the persistent plan. The exchange has been set to 0xff.
template <class Value>
void Launch(const PersistentPass& pass, const ForwardRun<Value>& run, const Context& context);
template <class Value>
void Launch(const PersistentPass& pass, const BackwardRun<Value>& run, const Context& context);

}  // namespace bnlstm::cuda
