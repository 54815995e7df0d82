#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace bnlstm::cuda {

// How the blocks of the persistent kernels divide their work. A block owns eight hidden units and the
// whole batch. Its product, of 32 columns of weights that stay in the registers of its eight warps, has
// two sides: k, the hidden units, of which all blocks publish what they have, and the rows of the
// batch; the warps share both. Forward the columns are the four gates of the block's units. Backward
// four blocks are a group: each multiplies what is published of one gate, for the 32 units of all four,
// and they add up what they have. So a block reads a quarter of what there is.

constexpr size_t kVectorBytes = 16;  // what is written, and read, at once
constexpr int kUnitsOfBlock = 8, kWarpsOfBlock = 8, kBlocksOfGroup = 4, kLanesOfWarp = 32;
constexpr int64_t UnitBlocks(int64_t units) { return (units + kUnitsOfBlock - 1) / kUnitsOfBlock; }
/// Whole groups: the last blocks may have no unit.
constexpr int64_t PersistentBlocks(int64_t units) {
  constexpr int kUnits = kUnitsOfBlock * kBlocksOfGroup;
  return (units + kUnits - 1) / kUnits * kBlocksOfGroup;
}

/// Rows are filled up to tiles, in the exchange and in shared memory.
constexpr int kTileRows = 16;
constexpr int TileRows(int64_t batch) {
  return static_cast<int>((batch + kTileRows - 1) / kTileRows) * kTileRows;
}

/// `slices` of k times `parts` of the batch are the warps; the same for all blocks.
struct Split {
  int slices = 0, parts = 0;
  int items = 0;  // of each warp along k: kVectorsOfItem
  int tiles = 0;  // of each warp along the rows
};

/// Items of the whole product: groups have no half ones.
constexpr int kVectorsOfItem = 4;
template <class Value>
constexpr int Items(int64_t blocks) {
  constexpr int64_t kValues = kVectorsOfItem * kVectorBytes / sizeof(Value);
  return static_cast<int>(blocks * kUnitsOfBlock / kValues);
}

constexpr int kItemVectors = kVectorsOfItem * kTileRows;
/// Vectors of one gate's or state's values of a step in the exchange, a plane (device/exchange.h).
template <class Value>
constexpr int64_t ExchangeVectors(int64_t blocks, int rows) {
  return int64_t{Items<Value>(blocks)} * kItemVectors * (rows / kTileRows);
}
/// What a group adds up: [blocks][4 from][8 units][lanes], of a lane's rows; used again by every step.
constexpr int64_t GroupVectors(int64_t blocks) {
  return blocks * kBlocksOfGroup * kUnitsOfBlock * kLanesOfWarp;
}

/// Rows of a lane: 1, 2 or 4.
constexpr int RowsOfLanes(int64_t batch) {
  return batch <= kLanesOfWarp ? 1 : batch <= 2 * kLanesOfWarp ? 2 : 4;
}

/// A slice's sums lie in shared memory as [8 units][two columns and the other two][pairs of rows], as the
/// tensor cores leave them: where a pair lies, and from two columns to the others, so that neither
/// writers nor readers meet in one bank. In vectors.
constexpr int kPairStride = 34;  // of a lane's second pair
constexpr int SlotPlace(int pair, int rows_of_lane) {
  return rows_of_lane == 4 ? pair % 2 * kPairStride + pair / 2 : pair;
}
constexpr int SlotStride(int rows_of_lane) {
  return rows_of_lane == 1 ? 18 : rows_of_lane == 2 ? 34 : 66;
}

/// Shared memory of a block: the sums of all slices, four columns together, and what the block
/// publishes, of so many gates or states [8 units][rows of all lanes].
constexpr size_t SharedBytes(const Split& split, int rows_of_lane, int published,
                             size_t value_bytes) {
  const int sums = 2 * split.slices * kUnitsOfBlock * SlotStride(rows_of_lane);
  return static_cast<size_t>(sums) * kVectorBytes +
         static_cast<size_t>(published * kUnitsOfBlock * kLanesOfWarp * rows_of_lane) * value_bytes;
}

/// Items of k that a warp of a kernel's two instances has weights of: 64 registers, or as many as it
/// takes for the largest hidden size.
constexpr int kFewItems = 4;
template <class Value>
struct ItemsOfWarp {
  static constexpr int kFew = kFewItems, kMany = sizeof(Value) == 2 ? 6 : 8;
};

/// Rows of the batch that a lane of a kernel has, as a type: an argument of generic functions.
template <int kCount>
using RowsOfLane = std::integral_constant<int, kCount>;

/// One pass of the persistent plan.
struct PersistentPass {
  int64_t blocks = 0;
  Split split;
  int items = 0, rows = 0;  // of the instance: items of k, rows of a lane
  size_t shared_bytes = 0;
  size_t exchange_bytes = 0, group_bytes = 0;  // of a step; of all steps, backward alone
};

}  // namespace bnlstm::cuda
