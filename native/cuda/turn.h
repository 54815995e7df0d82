#pragma once

#include "cuda/launch.h"

namespace bnlstm::cuda {

constexpr int kTile = device::kWarp, kTurnThreads = 256;

/// A block turns one tile: neighbouring threads load neighbouring columns and store neighbouring rows.
template <class Load, class Store>
__global__ void TurnKernel(int64_t rows, int64_t columns, Load load, Store store) {
  const int64_t tiles = (columns + kTile - 1) / kTile;
  const int64_t row0 = device::BlockIndex() / tiles * kTile;
  const int64_t column0 = device::BlockIndex() % tiles * kTile;
  auto* const tile = device::SharedMemory<float>();  // [kTile][kTile + 1]: no bank conflicts
  const int lane = device::Lane();
  for (int i = device::Warp(); i < kTile; i += kTurnThreads / kTile) {
    if (row0 + i < rows && column0 + lane < columns) {
      tile[i * (kTile + 1) + lane] = load(row0 + i, column0 + lane);
    }
  }
  device::SyncBlock();
  for (int i = device::Warp(); i < kTile; i += kTurnThreads / kTile) {
    if (row0 + lane < rows && column0 + i < columns) {
      store(row0 + lane, column0 + i, tile[lane * (kTile + 1) + i]);
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
