#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace bnlstm::cuda {

// How the blocks of the persistent kernels divide their work. A block owns eight hidden units, with
// their weights in the registers of its eight warps, and the whole batch. Its products have two sides:
// k, which all blocks publish, and the rows of the batch; the warps share both.

constexpr int kUnitsOfBlock = 8, kWarpsOfBlock = 8;
constexpr int64_t UnitBlocks(int64_t units) { return (units + kUnitsOfBlock - 1) / kUnitsOfBlock; }

/// Rows are filled up to tiles, in the exchange and in shared memory.
constexpr int kTileRows = 16;
constexpr int TileRows(int64_t batch) {
  return static_cast<int>((batch + kTileRows - 1) / kTileRows) * kTileRows;
}

/// `slices` of k times `parts` of the batch are the warps; the same for all blocks.
struct Split {
  int slices = 0, parts = 0;
  int items = 0;  // of each warp along k: four vectors of 16 bytes
  int tiles = 0;  // of each warp along the rows
};

/// Items of the whole product forward; the last one is filled up with zeros.
constexpr int ItemsOfForward(int vectors) { return (vectors + 3) / 4; }

/// Of the slice's sums, from unit to unit: so that neither writers nor readers meet in one bank.
constexpr int ForwardStride(int rows) { return rows + 1; }
constexpr int BackwardStride(int rows) { return rows + 4; }

/// Shared memory of a block: the sums of all slices, four gates together forward, and what the block
/// publishes, as it lies in the exchange.
constexpr size_t ForwardShared(const Split& split, int rows, size_t value_bytes) {
  const int sums = split.slices * kUnitsOfBlock * ForwardStride(rows);
  return static_cast<size_t>(sums) * 16 + static_cast<size_t>(kUnitsOfBlock * rows) * value_bytes;
}
constexpr size_t BackwardShared(const Split& split, int rows, size_t value_bytes) {
  const int sums = split.slices * kUnitsOfBlock * BackwardStride(rows);
  return static_cast<size_t>(sums) * 4 +
         static_cast<size_t>(4 * kUnitsOfBlock * rows) * value_bytes;
}

/// Items of k that a warp of a kernel's two instances has weights of: 64 registers, or as many as it
/// takes for the largest hidden size.
template <class Value>
struct ForwardItems {
  static constexpr int kFew = 4, kMany = sizeof(Value) == 2 ? 6 : 8;
};
template <class Value>
struct BackwardItems {
  static constexpr int kFew = 16, kMany = sizeof(Value) == 2 ? 20 : 32;
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
};

}  // namespace bnlstm::cuda
