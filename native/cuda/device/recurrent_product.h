#pragma once

#include "cuda/device/exchange.h"
#include "cuda/split.h"

namespace bnlstm::cuda {

// The product of the persistent kernels (cuda/split.h says who does what): the weights stay, and what
// the blocks publish goes from the exchange to registers and into the tensor cores, without a stop in
// shared memory. The order of k does not matter as long as weights have the same, so a lane takes 16
// bytes of neighbours at a time. Rows are filled up to tiles: no load depends on its lane.

__device__ inline int Least(int a, int b) { return a < b ? a : b; }

/// The share of a warp.
struct Share {
  int slice, first_item, items;  // of k
  int first, end;                // tiles of the batch

  __device__ __forceinline__ Share(const Split& split, int all_items, int rows)
      : slice(device::Warp() % split.slices),
        first_item(slice * split.items),
        items(Least(split.items, all_items - first_item)),
        first(device::Warp() / split.slices * split.tiles),
        end(Least(first + split.tiles, rows / kTileRows)) {}
};

/// Reads what is published, item by item within tile by tile, with kAhead items on their way; of each
/// the lane's two vectors of the tile.
template <int kItems, int kAhead>
class Reader {
  static_assert(kItems % kAhead == 0);
  using Words = device::Words;

 public:
  /// `from`: of the lane, of the first item and row 0; items lie `apart` vectors apart.
  __device__ __forceinline__ Reader(const void* from, int apart, const Share& share,
                                    const Watch& watch)
      : from_(static_cast<const Words*>(from)), apart_(apart), share_(share), watch_(watch) {
    BNLSTM_UNROLL
    for (int item = 0; item < kAhead; ++item) Ask(item, share.first);
  }
  /// Waits for kAhead items from `first` on. What was too early is asked for again all at once: one
  /// after the other each would take a way to L2 and back.
  __device__ __forceinline__ void Await(int first, int tile) {
    if (!AnyMissing(ahead_)) return;
    Patience patience(watch_);
    do {
      BNLSTM_UNROLL
      for (int n = 0; n < kAhead; ++n) {
        const Words* const from = from_ + (first + n) * apart_ + tile * kTileRows;
        BNLSTM_UNROLL
        for (int half = 0; half < 2; ++half) {
          Words& mine = ahead_[2 * n + half];
          device::LoadRelaxedIf(Missing(mine), from + half * (kTileRows / 2), mine);
        }
      }
    } while (AnyMissing(ahead_) && !patience.Ends());
  }
  __device__ __forceinline__ const Words& Get(int item, int half) const {
    return ahead_[item % kAhead * 2 + half];
  }
  /// Asks for others in the place of an item.
  __device__ __forceinline__ void Next(int item, int tile) {
    Ask((item + kAhead) % kItems, item + kAhead < kItems ? tile : tile + 1);
  }

 private:
  __device__ __forceinline__ void Ask(int item, int tile) {
    const bool wanted = item < share_.items && tile < share_.end;
    const Words* const from = from_ + item * apart_ + tile * kTileRows;
    Words* const into = ahead_ + item % kAhead * 2;
    device::LoadRelaxedIf(wanted, from, into[0]);
    device::LoadRelaxedIf(wanted, from + kTileRows / 2, into[1]);
  }

  const Words* const from_;
  const int apart_;
  const Share& share_;
  const Watch& watch_;
  Words ahead_[2 * kAhead] = {};
};

/// Of the block's four columns of a unit: its gates forward, and backward the units of that number of
/// the group's four blocks.
struct alignas(16) UnitSums {
  float of[4];
};

/// 32 columns of weights are the rows of the tensor cores' left operand, the batch their columns. Lane
/// 4g + t has all four columns of unit g.
template <class Value, int kItems>
class RecurrentProduct {
  static constexpr int kAhead = kItems % 4 == 0 ? 4 : kItems / 2;
  using Op = Operand<Value>;
  using Words = device::Words;

 public:
  /// `weights` [4 columns][units of all blocks][vectors of k], as they are packed.
  __device__ __forceinline__ RecurrentProduct(const void* weights, const Split& split, int rows,
                                              int block, int blocks)
      : share_(split, Items<Value>(blocks), rows), slices_(split.slices) {
    const int units = blocks * kUnitsOfBlock, vectors = units / Op::kVector;
    const int unit = block * kUnitsOfBlock + device::Lane() / 4;
    const auto* const from = static_cast<const Words*>(weights);
    BNLSTM_UNROLL
    for (int item = 0; item < kItems; ++item) {
      BNLSTM_UNROLL
      for (int column = 0; column < 4; ++column) {
        Words w = {};
        if (item < share_.items) w = from[(column * units + unit) * vectors + Vector(item)];
        uint32_t(&to)[2][2][4] = weights_[item];
        to[0][column / 2][column % 2] = w.x;
        to[0][column / 2][2 + column % 2] = w.y;
        to[1][column / 2][column % 2] = w.z;
        to[1][column / 2][2 + column % 2] = w.w;
      }
    }
  }

  /// Leaves the sums of the warp's slice in `slots` [slices][units][stride]. `from`: what has been or
  /// will be published, [vectors][rows][kVector].
  __device__ __forceinline__ void Run(const Published<Value>* from, int rows, const Watch& watch,
                                      UnitSums* slots) const {
    const int g = device::Lane() / 4, t = device::Lane() % 4;
    Reader<kItems, kAhead> reader(from + (Vector(0) * rows + g) * Op::kVector, 4 * rows, share_,
                                  watch);
    UnitSums* const to = slots + (share_.slice * kUnitsOfBlock + g) * SlotStride(rows) + 2 * t;
    for (int tile = share_.first; tile < share_.end; ++tile) {
      float sums[2][2][4] = {};  // of two columns each; of the tile's halves
      BNLSTM_UNROLL
      for (int item = 0; item < kItems; ++item) {
        if (item % kAhead == 0) reader.Await(item, tile);
        if (item < share_.items) {
          BNLSTM_UNROLL
          for (int n = 0; n < 2; ++n) {
            const Words& mine = reader.Get(item, n);
            const uint32_t b[2][2] = {{mine.x, mine.y}, {mine.z, mine.w}};
            BNLSTM_UNROLL
            for (int half = 0; half < 2; ++half) {
              Op::Multiply(sums[0][n], weights_[item][half][0], b[half]);
              Op::Multiply(sums[1][n], weights_[item][half][1], b[half]);
            }
          }
        }
        reader.Next(item, tile);
      }
      BNLSTM_UNROLL
      for (int n = 0; n < 2; ++n) {
        const float(&low)[4] = sums[0][n], (&high)[4] = sums[1][n];
        UnitSums* const row = to + tile * kTileRows + n * (kTileRows / 2);
        row[0] = {{low[0], low[2], high[0], high[2]}};
        row[1] = {{low[1], low[3], high[1], high[3]}};
      }
    }
  }

  /// The sum over the slices, of one of the block's units.
  __device__ __forceinline__ UnitSums Sum(const UnitSums* slots, int unit, int rows, int n) const {
    UnitSums sum = slots[unit * SlotStride(rows) + n];
    BNLSTM_UNROLL
    for (int slice = 1; slice < kWarpsOfBlock; slice *= 2) {
      if (slice >= slices_) break;
      BNLSTM_UNROLL
      for (int each = slice; each < 2 * slice; ++each) {
        const UnitSums more = slots[(each * kUnitsOfBlock + unit) * SlotStride(rows) + n];
        BNLSTM_UNROLL
        for (int column = 0; column < 4; ++column) sum.of[column] += more.of[column];
      }
    }
    return sum;
  }

 private:
  /// Of the lane, along k.
  __device__ __forceinline__ int Vector(int item) const {
    return (share_.first_item + item) * 4 + device::Lane() % 4;
  }

  const Share share_;
  const int slices_;
  uint32_t weights_[kItems][2][2][4];
};

}  // namespace bnlstm::cuda
