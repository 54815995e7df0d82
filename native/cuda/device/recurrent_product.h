#pragma once

#include "cuda/device/exchange.h"
#include "cuda/split.h"

namespace bnlstm::cuda {

// The products of the persistent kernels (cuda/split.h says who does what): the weights stay, and what
// the blocks publish goes from the exchange to registers and into the tensor cores, without a stop in
// shared memory. What is the order of k does not matter as long as weights have the same, so a lane
// takes 16 bytes of neighbours at a time.

__device__ inline int Least(int a, int b) { return a < b ? a : b; }

struct alignas(16) GateSums {
  float of[4];
};

/// h Wh: 32 columns (f, i, o and g of eight units) are the rows of the tensor cores' left operand, the
/// batch their columns, so that a batch of any size wastes little. Lane 4g + t has all four gates of
/// unit g.
template <class Value, int kItems, int kTiles>
class ForwardProduct {
  using Op = Operand<Value>;
  using Words = device::Words;
  static constexpr int kAhead = kItems > 4 ? 2 : 4;    // items on their way
  static_assert(kItems % kAhead == 0);

 public:
  /// `weights` [4 gates][units][vectors of k], as PackForward has left them.
  __device__ __forceinline__ ForwardProduct(const void* weights, const Split& split)
      : split_(split) {
    const int vectors = static_cast<int>(device::BlockCount()) * (kUnitsOfBlock / Op::kVector);
    const int units = static_cast<int>(device::BlockCount()) * kUnitsOfBlock;
    const int unit = static_cast<int>(device::BlockIndex()) * kUnitsOfBlock + device::Lane() / 4;
    const auto* const from = static_cast<const Words*>(weights);
    BNLSTM_UNROLL
    for (int item = 0; item < kItems; ++item) {
      const int vector = Vector(0) + 4 * item;
      const bool inside = item < split.items && vector < vectors;
      BNLSTM_UNROLL
      for (int gate = 0; gate < 4; ++gate) {
        Words w = {};
        if (inside) w = from[(gate * units + unit) * vectors + vector];
        uint32_t(&to)[2][2][4] = weights_[item];
        to[0][gate / 2][gate % 2] = w.x;
        to[0][gate / 2][2 + gate % 2] = w.y;
        to[1][gate / 2][gate % 2] = w.z;
        to[1][gate / 2][2 + gate % 2] = w.w;
      }
    }
  }

  /// Leaves the sums of the warp's slice in `slots` [slices][units][stride]. `from`: what has been or
  /// will be published, [vectors][padded rows][kVector].
  __device__ __forceinline__ void Run(const Published<Value>* from, int vectors, int padded,
                                      const Watch& watch, GateSums* slots) const {
    const int lane = device::Lane(), g = lane / 4, t = lane % 4;
    const int slice = device::Warp() % split_.slices;
    const int begin = device::Warp() / split_.slices * split_.tiles * 8 + g;
    const int rows = Least(begin + split_.tiles * 8, padded);  // the lane's end before them
    const int there = Least(split_.items, (vectors - Vector(0) + 3) / 4);  // items of the lane
    const int step = 4 * padded;  // from item to item
    const Words* const first = reinterpret_cast<const Words*>(from) + Vector(0) * padded;
    Words v[kAhead][kTiles];
    const auto load = [&](const Words* at, bool inside, int row, Words(&into)[kTiles]) {
      BNLSTM_UNROLL
      for (int n = 0; n < kTiles; ++n) {
        into[n] = {};
        if (inside && row + 8 * n < rows) into[n] = device::LoadRelaxed(at + 8 * n);
      }
    };
    const Words* ahead = first + begin;
    BNLSTM_UNROLL
    for (int item = 0; item < kAhead; ++item, ahead += step) {
      load(ahead, item < there, begin, v[item]);
    }
    for (int row = begin; row < rows; row += 8 * kTiles) {
      float sums[2][kTiles][4] = {};
      const Words* at = first + row;
      BNLSTM_UNROLL
      for (int item = 0; item < kItems; ++item, at += step) {
        Words(&mine)[kTiles] = v[item % kAhead];
        if (item < split_.items) {
          if (AnyMissing<Value>(mine)) {
            Patience patience(watch);
            do {
              BNLSTM_UNROLL
              for (int n = 0; n < kTiles; ++n) {
                if (row + 8 * n < rows) mine[n] = device::LoadRelaxed(at + 8 * n);
              }
            } while (AnyMissing<Value>(mine) && !patience.Ends());
          }
          BNLSTM_UNROLL
          for (int n = 0; n < kTiles; ++n) {
            if (row - g + 8 * n >= rows - g) continue;  // the same for all lanes
            const uint32_t b[2][2] = {{mine[n].x, mine[n].y}, {mine[n].z, mine[n].w}};
            BNLSTM_UNROLL
            for (int half = 0; half < 2; ++half) {
              Op::Multiply(sums[0][n], weights_[item][half][0], b[half]);
              Op::Multiply(sums[1][n], weights_[item][half][1], b[half]);
            }
          }
        }
        if (item + kAhead == kItems) ahead = first + row + 8 * kTiles;
        const int next_row = item + kAhead < kItems ? row : row + 8 * kTiles;
        load(ahead, (item + kAhead) % kItems < there, next_row, mine);
        ahead += step;
      }
      BNLSTM_UNROLL
      for (int n = 0; n < kTiles; ++n) {
        if (row - g + 8 * n >= rows - g) continue;
        BNLSTM_UNROLL
        for (int i = 0; i < 2; ++i) {
          slots[(slice * kUnitsOfBlock + g) * ForwardStride(padded) + row - g + 8 * n + 2 * t + i] = {
              {sums[0][n][i], sums[0][n][2 + i], sums[1][n][i], sums[1][n][2 + i]}};
        }
      }
    }
  }

  /// The sum over the slices, of one of the block's units.
  __device__ __forceinline__ GateSums Sum(const GateSums* slots, int unit, int padded,
                                          int n) const {
    GateSums sum = slots[unit * ForwardStride(padded) + n];
    for (int slice = 1; slice < split_.slices; ++slice) {
      const GateSums more = slots[(slice * kUnitsOfBlock + unit) * ForwardStride(padded) + n];
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) sum.of[g] += more.of[g];
    }
    return sum;
  }

 private:
  /// Of the lane, along k.
  __device__ int Vector(int item) const {
    return (device::Warp() % split_.slices * split_.items + item) * 4 + device::Lane() % 4;
  }

  const Split split_;
  uint32_t weights_[kItems][2][2][4];
};

/// dA Wh^T: the batch is the rows of the left operand, the block's eight units the columns of the right
/// one, and k runs over the four gates of all units: vectors of [units / kVector][4 gates].
template <class Value, int kItems, int kTiles>
class BackwardProduct {
  using Op = Operand<Value>;
  using Words = device::Words;
  static constexpr int kAhead = kItems > 16 ? 2 : 4;  // items on their way
  static_assert(kItems % kAhead == 0);

 public:
  /// `weights` [units][groups of k][4 gates] vectors, as PackBackward has left them.
  __device__ __forceinline__ BackwardProduct(const void* weights, const Split& split)
      : split_(split) {
    const int groups = static_cast<int>(device::BlockCount()) * (kUnitsOfBlock / Op::kVector);
    const int unit = static_cast<int>(device::BlockIndex()) * kUnitsOfBlock + device::Lane() / 4;
    const auto* const from = static_cast<const Words*>(weights) +
                             (unit * groups + Group(0)) * 4 + device::Lane() % 4;
    BNLSTM_UNROLL
    for (int item = 0; item < kItems; ++item) {
      Words w = {};
      if (item < split.items && Group(item) < groups) w = from[4 * item];
      weights_[item][0][0] = w.x;
      weights_[item][0][1] = w.y;
      weights_[item][1][0] = w.z;
      weights_[item][1][1] = w.w;
    }
  }

  /// Leaves the sums of the warp's slice in `slots` [slices][units][stride]. `from`
  /// [groups][4][padded rows][kVector].
  __device__ __forceinline__ void Run(const Published<Value>* from, int groups, int padded,
                                      const Watch& watch, float* slots) const {
    const int lane = device::Lane(), g = lane / 4, t = lane % 4;
    const int slice = device::Warp() % split_.slices;
    const int begin = device::Warp() / split_.slices * split_.tiles * 16 + g;
    const int rows = Least(begin + split_.tiles * 16, padded);  // the lane's end before them
    const int there = Least(split_.items, groups - Group(0));
    const int step = 4 * padded;  // from item to item
    const Words* const first = reinterpret_cast<const Words*>(from) + (Group(0) * 4 + t) * padded;
    Words v[kAhead][2 * kTiles];
    const auto load = [&](const Words* at, bool inside, int row, Words(&into)[2 * kTiles]) {
      BNLSTM_UNROLL
      for (int n = 0; n < 2 * kTiles; ++n) {
        into[n] = {};
        if (inside && row + 8 * n < rows) into[n] = device::LoadRelaxed(at + 8 * n);
      }
    };
    const Words* ahead = first + begin;
    BNLSTM_UNROLL
    for (int item = 0; item < kAhead; ++item, ahead += step) {
      load(ahead, item < there, begin, v[item]);
    }
    for (int row = begin; row < rows; row += 16 * kTiles) {
      float sums[kTiles][4] = {};
      const Words* at = first + row;
      BNLSTM_UNROLL
      for (int item = 0; item < kItems; ++item, at += step) {
        Words(&mine)[2 * kTiles] = v[item % kAhead];
        if (item < split_.items) {
          if (AnyMissing<Value>(mine)) {
            Patience patience(watch);
            do {
              BNLSTM_UNROLL
              for (int n = 0; n < 2 * kTiles; ++n) {
                if (row + 8 * n < rows) mine[n] = device::LoadRelaxed(at + 8 * n);
              }
            } while (AnyMissing<Value>(mine) && !patience.Ends());
          }
          BNLSTM_UNROLL
          for (int n = 0; n < kTiles; ++n) {
            if (row - g + 16 * n >= rows - g) continue;  // the same for all lanes
            const Words &low = mine[2 * n], &high = mine[2 * n + 1];
            const uint32_t a[2][4] = {{low.x, high.x, low.y, high.y},
                                      {low.z, high.z, low.w, high.w}};
            Op::Multiply(sums[n], a[0], weights_[item][0]);
            Op::Multiply(sums[n], a[1], weights_[item][1]);
          }
        }
        if (item + kAhead == kItems) ahead = first + row + 16 * kTiles;
        const int next_row = item + kAhead < kItems ? row : row + 16 * kTiles;
        load(ahead, (item + kAhead) % kItems < there, next_row, mine);
        ahead += step;
      }
      BNLSTM_UNROLL
      for (int n = 0; n < kTiles; ++n) {
        if (row - g + 16 * n >= rows - g) continue;
        BNLSTM_UNROLL
        for (int i = 0; i < 4; ++i) {
          slots[(slice * kUnitsOfBlock + 2 * t + i % 2) * BackwardStride(padded) + row + 16 * n + i / 2 * 8] =
              sums[n][i];
        }
      }
    }
  }

  __device__ __forceinline__ float Sum(const float* slots, int unit, int padded, int n) const {
    float sum = slots[unit * BackwardStride(padded) + n];
    for (int slice = 1; slice < split_.slices; ++slice) {
      sum += slots[(slice * kUnitsOfBlock + unit) * BackwardStride(padded) + n];
    }
    return sum;
  }

 private:
  __device__ int Group(int item) const {
    return device::Warp() % split_.slices * split_.items + item;
  }

  const Split split_;
  uint32_t weights_[kItems][2][2];
};

}  // namespace bnlstm::cuda
