#pragma once

#include "cuda/launch.h"

namespace bnlstm::cuda {

constexpr int kTile = 2 * device::kWarp, kTurnThreads = 256;

/// A block turns one tile: neighbouring threads load neighbouring columns and store neighbouring rows,
/// each two, so that what a place of a row or a column takes to find is found once for both.
template <class Load, class Store>
__global__ void TurnKernel(int64_t rows, int64_t columns, Load load, Store store) {
  const int64_t tiles = (columns + kTile - 1) / kTile;
  const int64_t row0 = device::BlockIndex() / tiles * kTile;
  const int64_t column0 = device::BlockIndex() % tiles * kTile;
  auto* const tile = device::SharedMemory<float>();  // [kTile][kTile + 1]: no bank conflicts
  const int lane = device::Lane();
  for (int i = device::Warp(); i < kTile && row0 + i < rows; i += kTurnThreads / device::kWarp) {
    BNLSTM_UNROLL
    for (int j = lane; j < kTile; j += device::kWarp) {
      if (column0 + j < columns) tile[i * (kTile + 1) + j] = load(row0 + i, column0 + j);
    }
  }
  device::SyncBlock();
  for (int j = device::Warp(); j < kTile && column0 + j < columns;
       j += kTurnThreads / device::kWarp) {
    BNLSTM_UNROLL
    for (int i = lane; i < kTile; i += device::kWarp) {
      if (row0 + i < rows) store(row0 + i, column0 + j, tile[i * (kTile + 1) + j]);
    }
  }
}

/// Calls store(row, column, load(row, column)) for each place: `load` reads where columns lie side by
/// side, `store` writes where rows do.
template <class Load, class Store>
void Turn(const Context& context, int64_t rows, int64_t columns, const Load& load,
          const Store& store) {
  const int64_t tiles = ((rows + kTile - 1) / kTile) * ((columns + kTile - 1) / kTile);
  Launch(context, {tiles, kTurnThreads, kTile * (kTile + 1) * sizeof(float)},
         TurnKernel<Load, Store>, rows, columns, load, store);
}

}  // namespace bnlstm::cuda
