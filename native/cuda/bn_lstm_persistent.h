#pragma once

#include <vector>

#include "cuda/context.h"
#include "cuda/device/backward_run.h"
#include "cuda/device/forward_run.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

/// Of a block for another, in nanoseconds. All of a grid's blocks run, and a step takes microseconds.
constexpr int64_t kLongestWait = 4'000'000'000;

/// Wh [H][4H] as the kernels read it into registers, by 16 bytes: neighbours in k side by side, both
/// axes filled up with zeros to PackedUnits. [4 columns][units][k]: forward columns are gates; backward
/// the units of a group's four blocks, for the gate that the block of the place has. PackedBytes of
/// memory.
constexpr int64_t PackedUnits(int64_t hidden) { return PersistentBlocks(hidden) * kUnitsOfBlock; }
template <class Value>
void PackForward(const Value* wh, int64_t hidden, void* to, const Context& context);
template <class Value>
void PackBackward(const Value* wh, int64_t hidden, void* to, const Context& context);

/// Enqueues one launch of the persistent plan, of one direction or of both. The exchanges have been set
/// to 0xff.
template <class Value>
void Launch(const PersistentPass& pass, const std::vector<ForwardRun<Value>>& runs,
            const Context& context);
template <class Value>
void Launch(const PersistentPass& pass, const std::vector<BackwardRun<Value>>& runs,
            const Context& context);

/// Calls body with a kernel's rows of a lane: a RowsOfLane.
template <class Body>
void WithRowsOfLane(const PersistentPass& pass, const Body& body) {
  if (pass.rows == 1) return body(RowsOfLane<1>());
  if (pass.rows == 2) return body(RowsOfLane<2>());
  body(RowsOfLane<4>());
}

/// Enqueues one direction, by the instance for as many items as `few` says, or two.
template <class Run>
void LaunchInstance(const PersistentPass& pass, bool few, const std::vector<Run>& runs,
                    void (*with_few)(Run, int), void (*with_many)(Run, int),
                    void (*pair)(Run, Run, int), const Context& context) {
  const int blocks = static_cast<int>(pass.blocks);
  const Grid grid{pass.blocks * static_cast<int64_t>(runs.size()), kWarpsOfBlock * device::kWarp,
                  pass.shared_bytes};
  if (runs.size() == 2) {  // in no plan with many items
    LaunchTogether(context, grid, pair, runs[0], runs[1], blocks);
  } else {
    LaunchTogether(context, grid, few ? with_few : with_many, runs[0], blocks);
  }
}

}  // namespace bnlstm::cuda
