#pragma once

#include "cuda/device/primitives.h"

namespace bnlstm::device {

/// The sum over the threads of a block, in every thread, in an order that depends on nothing. To be
/// called by all of them; `shared` is for one T of each warp.
template <class T>
__device__ inline T BlockSum(T value, T* shared) {
  value = WarpSum(value);
  SyncBlock();  // the last sum has been read
  if (Lane() == 0) shared[Warp()] = value;
  SyncBlock();
  T sum = shared[0];
  for (int warp = 1; warp < ThreadCount() / kWarp; ++warp) sum += shared[warp];
  return sum;
}

}  // namespace bnlstm::device
