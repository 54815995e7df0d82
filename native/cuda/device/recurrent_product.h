#pragma once

#include "cuda/device/exchange.h"
#include "cuda/device/rows.h"
#include "cuda/split.h"

namespace bnlstm::cuda {

// The product of the persistent kernels (cuda/split.h says who does what): the weights stay, and what
// the blocks publish goes from the exchange to registers and into the tensor cores, without a stop in
// shared memory. The order of k does not matter as long as weights have the same, so a lane takes 16
// bytes of neighbours at a time. Rows are filled up to tiles: no load depends on its lane.

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
  /// `from`: of the lane, of the first item and tile 0; tiles lie `apart` vectors apart.
  __device__ __forceinline__ Reader(const Words* from, int apart, const Share& share,
                                    const Watch& watch)
      : from_(from), apart_(apart), share_(&share), watch_(&watch) {
    BNLSTM_UNROLL
    for (int item = 0; item < kAhead; ++item) Ask(item, share.first);
  }
  /// Waits for kAhead items from `first` on. What was too early is asked for again all at once: one
  /// after the other each would take a way to L2 and back.
  __device__ __forceinline__ void Await(int first, int tile) {
    if (!AnyMissing(first)) return;
    Patience patience(*watch_);
    do {
      BNLSTM_UNROLL
      for (int n = 0; n < 2 * kAhead; ++n) {
        const bool again = first + n / 2 < share_->items && Missing(ahead_[n]);
        device::LoadRelaxedIf(again, Of(first + n / 2, tile, n % 2), ahead_[n]);
      }
    } while (AnyMissing(first) && !patience.Ends());
  }
  __device__ __forceinline__ const Words& Get(int item, int half) const {
    return ahead_[item % kAhead * 2 + half];
  }
  /// Asks for others in the place of an item.
  __device__ __forceinline__ void Next(int item, int tile) {
    Ask((item + kAhead) % kItems, item + kAhead < kItems ? tile : tile + 1);
  }

 private:
  __device__ __forceinline__ const Words* Of(int item, int tile, int half) const {
    return from_ + tile * apart_ + (item * kItemVectors + half * device::kWarp);
  }
  __device__ __forceinline__ void Ask(int item, int tile) {
    const bool wanted = item < share_->items && tile < share_->end;
    BNLSTM_UNROLL
    for (int half = 0; half < 2; ++half) {
      device::LoadRelaxedIf(wanted, Of(item, tile, half), ahead_[item % kAhead * 2 + half]);
    }
  }
  __device__ __forceinline__ bool AnyMissing(int first) const {
    bool missing = false;
    BNLSTM_UNROLL
    for (int n = 0; n < 2 * kAhead; ++n) {
      missing = missing || (first + n / 2 < share_->items && Missing(ahead_[n]));
    }
    return missing;
  }

  const Words* from_;
  int apart_;
  const Share* share_;
  const Watch* watch_;
  Words ahead_[2 * kAhead] = {};
};

/// Two columns of a unit for two rows: as a lane of a product has them, { column of row and next row, other
/// column of both }. Columns are gates forward, and backward the units of that number of the group's
/// blocks.
struct alignas(16) PairSums {
  float of[4];
};

/// The four columns of a unit for the rows of a lane.
template <int kRows>
struct UnitSums {
  float of[4][kRows];
};

/// 32 columns of weights are the rows of the tensor cores' left operand, the batch their columns. Lane
/// 4g + t has all four columns of unit g.
template <class Value, int kItems, int kRows>
class RecurrentProduct {
  static constexpr int kAhead = kItems % 4 == 0 ? 4 : kItems / 2;
  static constexpr int kStride = SlotStride(kRows);
  using Op = Operand<Value>;
  using Words = device::Words;
  using Reading = Reader<kItems, kAhead>;

 public:
  /// `weights` [4 columns][units of all blocks][vectors of k], as they are packed.
  __device__ __forceinline__ RecurrentProduct(const void* weights, const Split& split, int rows,
                                              int block, int blocks)
      : share_(split, Items<Value>(blocks), rows),
        slices_(split.slices),
        of_tile_(Items<Value>(blocks) * kItemVectors) {
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

  /// Begins to read what has been or will be published, a plane (Publish).
  __device__ __forceinline__ Reading Ask(const Words* from, const Watch& watch) const {
    const int place = PlaceOfLane(device::Lane() / 4, device::Lane() % 4);
    return Reading(from + share_.first_item * kItemVectors + place, of_tile_, share_, watch);
  }
  /// Leaves the sums of the warp's slice in `slots` [slices][units][two times two columns][kStride].
  __device__ __forceinline__ void Run(Reading& reader, PairSums* slots) const {
    const int g = device::Lane() / 4, t = device::Lane() % 4;
    PairSums* const to = slots + (share_.slice * kUnitsOfBlock + g) * 2 * kStride;
    for (int tile = share_.first; tile < share_.end; ++tile) {
      float sums[2][2][4] = {};  // of two columns each; of the tile's halves
      BNLSTM_UNROLL
      for (int item = 0; item < kItems; ++item) {
        if (item % kAhead == 0) reader.Await(item, tile);
        if (item < share_.items) {
          BNLSTM_UNROLL
          for (int half = 0; half < 2; ++half) {
            const Words& mine = reader.Get(item, half);
            const uint32_t b[2][2] = {{mine.x, mine.y}, {mine.z, mine.w}};
            BNLSTM_UNROLL
            for (int i = 0; i < 2; ++i) {
              Op::Multiply(sums[0][half], weights_[item][i][0], b[i]);
              Op::Multiply(sums[1][half], weights_[item][i][1], b[i]);
            }
          }
        }
        reader.Next(item, tile);
      }
      BNLSTM_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int place = SlotPlace(tile * (kTileRows / 2) + half * (kTileRows / 4) + t, kRows);
        BNLSTM_UNROLL
        for (int two = 0; two < 2; ++two) {
          const float(&sum)[4] = sums[two][half];
          to[two * kStride + place] = {{sum[0], sum[1], sum[2], sum[3]}};
        }
      }
    }
  }

  /// The sums over the slices of the lane's rows, of one of the block's units.
  __device__ __forceinline__ UnitSums<kRows> Sum(const PairSums* slots, int unit) const {
    constexpr int kPairs = kRows == 4 ? 2 : 1;
    const int lane = device::Lane(), first = kRows == 1 ? lane / 2 : lane;
    const PairSums* const from = slots + unit * 2 * kStride + first;
    PairSums sums[2][kPairs] = {};
    const auto add = [&](int slice) {
      BNLSTM_UNROLL
      for (int two = 0; two < 2; ++two) {
        BNLSTM_UNROLL
        for (int pair = 0; pair < kPairs; ++pair) {
          const PairSums more =
              from[(slice * kUnitsOfBlock * 2 + two) * kStride + pair * kPairStride];
          BNLSTM_UNROLL
          for (int i = 0; i < 4; ++i) {
            float& sum = sums[two][pair].of[i];
            sum = slice == 0 ? more.of[i] : sum + more.of[i];
          }
        }
      }
    };
    add(0);
    BNLSTM_UNROLL
    for (int slice = 1; slice < kWarpsOfBlock; slice *= 2) {
      if (slice >= slices_) break;
      BNLSTM_UNROLL
      for (int each = slice; each < 2 * slice; ++each) add(each);
    }
    UnitSums<kRows> unit_sums;
    BNLSTM_UNROLL
    for (int column = 0; column < 4; ++column) {
      BNLSTM_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const float(&pair)[4] = sums[column / 2][i / 2].of;
        const int at = column % 2 * 2;
        unit_sums.of[column][i] = kRows > 1 ? pair[at + i % 2] : lane % 2 ? pair[at + 1] : pair[at];
      }
    }
    return unit_sums;
  }

 private:
  /// Of the lane, along k.
  __device__ __forceinline__ int Vector(int item) const {
    return (share_.first_item + item) * 4 + device::Lane() % 4;
  }

  const Share share_;
  const int slices_, of_tile_;
  uint32_t weights_[kItems][2][2][4];
};

}  // namespace bnlstm::cuda
