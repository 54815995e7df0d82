#pragma once

// The seam to the device: everything that kernels use beyond C++ and the mathematical functions of
// <cmath>. The only PTX is in device/gpu.h. In a build for the emulator the same names are
// native/emulator's. What both must offer, in namespace bnlstm::device:
//
//   int ThreadIndex(), ThreadCount()      of the block, one-dimensional
//   int64_t BlockIndex(), BlockCount()    of the grid, one-dimensional
//   T* SharedMemory<T>()                  the dynamic shared memory of the block, 16-byte aligned
//   void SyncBlock()                      a barrier: called by every thread of the block
//   T ShuffleXor(T, int mask), T ShuffleFrom(T, int lane)    T: float, double, int; by all 32 lanes
//   unsigned Ballot(bool)                 by all 32 lanes
//   int PopCount(unsigned), FirstBit(unsigned)    bits that are set; the lowest of some, from 0
//   uint16_t RoundToBf16(float)           to nearest even; a NaN becomes 0x7fff
//   uint32_t RoundToBf16Pair(float low, float high)
//   uint32_t RoundToTf32(float)           to nearest, as bits of a float: the low 13 are 0
//   void MultiplyTiles(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
//                                         d += a b: bf16 16x16 by 16x8, as mma.sync.m16n8k16
//   void MultiplyTf32Tiles(same)          d += a b: TF32 16x8 by 8x8, as mma.sync.m16n8k8
//   uint32_t BitsOf(float), float FloatOf(uint32_t), To Same<To>(from)    the same bits
//   float Exp2(float), Reciprocal(float), InverseSquareRoot(float)    to some 2e-7 of the result
//   void LoadRelaxedIf(bool, const void*, Words&), void StoreRelaxed(void*, Words)
//                                         16 bytes at once, between blocks
//   void Prefetch(const void*)            a line of 128 bytes, into L2
//   int LoadFlag(const int*), void StoreFlag(int*, int)               between blocks, and to the host
//   void SpinHint()                       in every loop that waits for another block
//   int64_t Nanoseconds()                 of a clock; only differences mean anything
//
// Rules that keep kernels right here and there: launches go through launch.h; every lane of a warp
// calls a collective, none in divergent code; no static __shared__; no atomics on the way of a result;
// no function of <bit> (nvcc takes some for constants, silently); no `if (Lane() == k)` around element
// k of an array in registers (it becomes one access after the other, or puts the array into memory):
// choose the element first, then store once.
#ifdef BNLSTM_EMULATOR
#include "emulator/device.h"
#define BNLSTM_UNROLL
#else
#include "cuda/device/gpu.h"
#define BNLSTM_UNROLL _Pragma("unroll")  // before a loop whose arrays are to be registers
#endif

namespace bnlstm::device {

constexpr int kWarp = 32;

__device__ inline int Lane() { return ThreadIndex() % kWarp; }
__device__ inline int Warp() { return ThreadIndex() / kWarp; }

/// The sum over the lanes of a warp, in every lane, in an order that depends on nothing.
template <class T>
__device__ inline T WarpSum(T value) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) value += ShuffleXor(value, mask);
  return value;
}

}  // namespace bnlstm::device
