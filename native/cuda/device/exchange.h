#pragma once

#include "cuda/device/rows.h"
#include "cuda/split.h"

namespace bnlstm::cuda {

// How blocks of one grid hand values to one another, step by step, without a barrier. Memory of the
// exchange is written once, by 16 bytes: before a launch every byte is set to 0xff, a pattern that no
// published value has, and who wants a vector reads its place until it has changed. So a vector is its
// own flag: no order of stores matters, and none is waited for. What is published goes through
// Operand::Round, which makes no such pattern: a NaN in bf16 is 0x7fff, in TF32 no NaN has all bits.

/// 16 bytes of an operand of the tensor cores, neighbours in k of one row, as two fragments of it.
template <class Value>
struct Operand;

template <>
struct Operand<uint16_t> {
  static constexpr int kVector = 8;
  static __device__ uint16_t Round(float value) { return device::RoundToBf16(value); }
  template <int kRows, class Get>
  static __device__ __forceinline__ void Round(Neighbours<uint16_t, kRows>& to, const Get& get) {
    cuda::Round(to, get);
  }
  static __device__ float Rounded(float value) { return FromBf16(Round(value)); }
  static __device__ void Multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    device::MultiplyTiles(d, a, b);
  }
};

/// f32 values as TF32 operands: published rounded, kept as they are.
template <>
struct Operand<float> {
  static constexpr int kVector = 4;
  static __device__ uint32_t Round(float value) { return device::RoundToTf32(value); }
  template <int kRows, class Get>
  static __device__ __forceinline__ void Round(Neighbours<uint32_t, kRows>& to, const Get& get) {
    BNLSTM_UNROLL
    for (int i = 0; i < kRows; ++i) to.of[i] = Round(get(i));
  }
  static __device__ float Rounded(float value) { return value; }
  static __device__ void Multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    device::MultiplyTf32Tiles(d, a, b);
  }
};

/// As it lies in the exchange.
template <class Value>
using Published = decltype(Operand<Value>::Round(0.0f));

/// Whether a vector is not there yet. It is written and read at once, so one word tells.
__device__ __forceinline__ bool Missing(const device::Words& vector) {
  return vector.x == 0xffffffffu;
}
/// Ends every wait of a grid: after `limit` nanoseconds without what is waited for, or soon once another
/// block has given up. The grid then runs on, with wrong numbers, and the host finds *gave_up set.
struct Watch {
  int* gave_up;
  int64_t limit;
};

/// One wait.
class Patience {
 public:
  __device__ explicit Patience(const Watch& watch) : watch_(watch) {}

  /// After each look in vain: whether to give up.
  __device__ bool Ends() {
    device::SpinHint();
    constexpr int kLooks = 256;  // between looks at the clock
    if (++looks_ % kLooks != 0) return false;
    if (device::LoadFlag(watch_.gave_up) != 0) return true;
    const int64_t now = device::Nanoseconds();
    if (looks_ == kLooks) began_ = now;
    if (now - began_ < watch_.limit) return false;
    device::StoreFlag(watch_.gave_up, 1);
    return true;
  }

 private:
  const Watch& watch_;
  unsigned looks_ = 0;
  int64_t began_ = 0;
};

/// A plane of the exchange lies as the lanes of a product read it, [tiles][items][halves of the tile's
/// rows][lanes]: where the vector of one of 8 rows and one of an item's 4 lies. Eight lanes read 128
/// bytes side by side at once, and a block writes the vectors of two rows side by side, a sector of 32.
__device__ __forceinline__ int PlaceOfLane(int row, int vector) {
  return row / 2 * 8 + vector * 2 + row % 2;
}

/// Publishes what the block has in shared memory, [kPlanes][8 units][32 kRows rows], by all of its
/// threads, to its places in planes.
template <class Value, int kPlanes, int kRows>
__device__ __forceinline__ void Publish(device::Words* to, int64_t plane, int rows, int block,
                                        int items, const Published<Value>* from) {
  constexpr int kVector = Operand<Value>::kVector, kOfBlock = kUnitsOfBlock / kVector;
  constexpr int kThreads = kWarpsOfBlock * device::kWarp, kLaneRows = kRows * device::kWarp;
  BNLSTM_UNROLL
  for (int begin = 0; begin < kPlanes * kOfBlock * kLaneRows; begin += kThreads) {
    const int i = begin + device::ThreadIndex(), row = i % kLaneRows, vector = i / kLaneRows;
    if (row >= rows || vector >= kPlanes * kOfBlock) continue;
    union {
      Published<Value> of[kVector];
      device::Words words;
    } values;
    BNLSTM_UNROLL
    for (int u = 0; u < kVector; ++u) values.of[u] = from[(vector * kVector + u) * kLaneRows + row];
    const int k = block * kOfBlock + vector % kOfBlock;
    const int at =
        (row / kTileRows * items + k / 4) * kItemVectors + row % kTileRows / 8 * device::kWarp;
    device::StoreRelaxed(to + (vector / kOfBlock * plane + at + PlaceOfLane(row % 8, k % 4)),
                         values.words);
  }
}

}  // namespace bnlstm::cuda
