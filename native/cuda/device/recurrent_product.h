#pragma once

#include "cuda/device/exchange.h"
#include "cuda/split.h"

namespace bnlstm::cuda {

// The products of the persistent kernels (cuda/split.h says who does what): the weights stay, and what
// the blocks publish goes from the exchange to registers and into the tensor cores, without a stop in
// shared memory. The order of k does not matter as long as weights have the same, so a lane takes 16
// bytes of neighbours at a time. Rows are filled up to tiles, and vectors to whole items: no load
// depends on its lane.

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
      : from_(static_cast<const Words*>(from)),
        apart_(apart),
        share_(share),
        watch_(watch),
        next_(from_ + share.first * kTileRows) {
    BNLSTM_UNROLL
    for (int item = 0; item < kAhead; ++item) Ask(item, share.first);
  }
  /// Waits for the vectors of an item. `Next` asks for others in their place.
  __device__ __forceinline__ const Words (&Get(int item, int tile))[2] {
    Words(&mine)[2] = ahead_[item % kAhead];
    if (AnyMissing(mine)) {
      Patience patience(watch_);
      do {
        Load(from_ + item * apart_ + tile * kTileRows, mine);
      } while (AnyMissing(mine) && !patience.Ends());
    }
    return mine;
  }
  __device__ __forceinline__ void Next(int item, int tile) {
    if (item + kAhead == kItems) next_ = from_ + (tile + 1) * kTileRows;
    Ask((item + kAhead) % kItems, item + kAhead < kItems ? tile : tile + 1);
  }

 private:
  __device__ __forceinline__ void Ask(int item, int tile) {
    const bool wanted = item < share_.items && tile < share_.end;
    Words(&into)[2] = ahead_[item % kAhead];
    device::LoadRelaxedIf(wanted, next_, into[0]);
    device::LoadRelaxedIf(wanted, next_ + kTileRows / 2, into[1]);
    next_ += apart_;
  }
  __device__ __forceinline__ static void Load(const Words* from, Words (&into)[2]) {
    into[0] = device::LoadRelaxed(from);
    into[1] = device::LoadRelaxed(from + kTileRows / 2);
  }

  const Words* const from_;
  const int apart_;
  const Share& share_;
  const Watch& watch_;
  const Words* next_;
  Words ahead_[kAhead][2] = {};
};

struct alignas(16) GateSums {
  float of[4];
};

/// h Wh: 32 columns (f, i, o and g of eight units) are the rows of the tensor cores' left operand, the
/// batch their columns. Lane 4g + t has all four gates of unit g.
template <class Value, int kItems>
class ForwardProduct {
  static constexpr int kAhead = kItems % 4 == 0 ? 4 : kItems / 2;
  using Op = Operand<Value>;
  using Words = device::Words;

 public:
  /// `weights` [4 gates][units][vectors of k], as PackForward has left them.
  __device__ __forceinline__ ForwardProduct(const void* weights, const Split& split, int rows,
                                            int block, int blocks)
      : share_(split, ItemsOfForward(Vectors(blocks)), rows), slices_(split.slices) {
    const int units = blocks * kUnitsOfBlock, vectors = Vectors(blocks);
    const int unit = block * kUnitsOfBlock + device::Lane() / 4;
    const auto* const from = static_cast<const Words*>(weights);
    BNLSTM_UNROLL
    for (int item = 0; item < kItems; ++item) {
      const bool inside = item < share_.items && Vector(item) < vectors;
      BNLSTM_UNROLL
      for (int gate = 0; gate < 4; ++gate) {
        Words w = {};
        if (inside) w = from[(gate * units + unit) * vectors + Vector(item)];
        uint32_t(&to)[2][2][4] = weights_[item];
        to[0][gate / 2][gate % 2] = w.x;
        to[0][gate / 2][2 + gate % 2] = w.y;
        to[1][gate / 2][gate % 2] = w.z;
        to[1][gate / 2][2 + gate % 2] = w.w;
      }
    }
  }

  /// Leaves the sums of the warp's slice in `slots` [slices][units][stride]. `from`: what has been or
  /// will be published, [vectors, whole items][rows][kVector].
  __device__ __forceinline__ void Run(const Published<Value>* from, int rows, const Watch& watch,
                                      GateSums* slots) const {
    const int g = device::Lane() / 4, t = device::Lane() % 4;
    Reader<kItems, kAhead> reader(from + (Vector(0) * rows + g) * Op::kVector, 4 * rows, share_,
                                  watch);
    GateSums* const to = slots + (share_.slice * kUnitsOfBlock + g) * ForwardStride(rows) + 2 * t;
    for (int tile = share_.first; tile < share_.end; ++tile) {
      float sums[2][2][4] = {};  // of f and i, of o and g; of the tile's halves
      BNLSTM_UNROLL
      for (int item = 0; item < kItems; ++item) {
        if (item < share_.items) {
          const Words(&mine)[2] = reader.Get(item, tile);
          BNLSTM_UNROLL
          for (int n = 0; n < 2; ++n) {
            const uint32_t b[2][2] = {{mine[n].x, mine[n].y}, {mine[n].z, mine[n].w}};
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
        const float(&fi)[4] = sums[0][n], (&og)[4] = sums[1][n];
        GateSums* const row = to + tile * kTileRows + n * (kTileRows / 2);
        row[0] = {{fi[0], fi[2], og[0], og[2]}};
        row[1] = {{fi[1], fi[3], og[1], og[3]}};
      }
    }
  }

  /// The sum over the slices, of one of the block's units.
  __device__ __forceinline__ GateSums Sum(const GateSums* slots, int unit, int rows, int n) const {
    GateSums sum = slots[unit * ForwardStride(rows) + n];
    BNLSTM_UNROLL
    for (int slice = 1; slice < kWarpsOfBlock; slice *= 2) {
      if (slice >= slices_) break;
      BNLSTM_UNROLL
      for (int each = slice; each < 2 * slice; ++each) {
        const GateSums more = slots[(each * kUnitsOfBlock + unit) * ForwardStride(rows) + n];
        BNLSTM_UNROLL
        for (int g = 0; g < 4; ++g) sum.of[g] += more.of[g];
      }
    }
    return sum;
  }

 private:
  static __device__ int Vectors(int blocks) { return blocks * (kUnitsOfBlock / Op::kVector); }
  /// Of the lane, along k.
  __device__ __forceinline__ int Vector(int item) const {
    return (share_.first_item + item) * 4 + device::Lane() % 4;
  }

  const Share share_;
  const int slices_;
  uint32_t weights_[kItems][2][2][4];
};

/// dA Wh^T: the batch is the rows of the left operand, the block's eight units the columns of the right
/// one, and k runs over the four gates of all units: vectors of [units / kVector][4 gates]. A lane's two
/// vectors of a tile have rows g and g + 8, each of half of the units, as the fragments of the left
/// operand have them.
template <class Value, int kItems, int kAhead>
class BackwardProduct {
  using Op = Operand<Value>;
  using Words = device::Words;

 public:
  /// `weights` [units][groups of k][4 gates] vectors, as PackBackward has left them.
  __device__ __forceinline__ BackwardProduct(const void* weights, const Split& split, int rows,
                                             int block, int blocks)
      : share_(split, Groups(blocks), rows), slices_(split.slices) {
    const int unit = block * kUnitsOfBlock + device::Lane() / 4;
    const auto* const from = static_cast<const Words*>(weights) +
                             (unit * Groups(blocks) + share_.first_item) * 4 + device::Lane() % 4;
    BNLSTM_UNROLL
    for (int item = 0; item < kItems; ++item) {
      Words w = {};
      if (item < share_.items) w = from[4 * item];
      weights_[item][0][0] = w.x;
      weights_[item][0][1] = w.y;
      weights_[item][1][0] = w.z;
      weights_[item][1][1] = w.w;
    }
  }

  /// Where a block has the value of one of its units, a gate and a row in what it publishes, as the
  /// fragments want it: [8 / kVector][4 gates][tiles][halves of the units][8] vectors, each of two rows.
  static __device__ __forceinline__ int Place(int unit, int gate, int n, int rows) {
    constexpr int kHalf = Op::kVector / 2, kPair = Op::kVector / 4;  // units of a vector, of a word
    const int u = unit % Op::kVector, high = n / 8 % 2, word = u % kHalf / kPair * 2 + high;
    const int vector = n / kTileRows * kTileRows + u / kHalf * 8 + n % 8;
    return ((unit / Op::kVector * 4 + gate) * rows + vector) * Op::kVector + word * kPair +
           u % kPair;
  }

  /// Leaves the sums of the warp's slice in `slots` [slices][units][stride]. `from`
  /// [groups][4][rows][kVector], with rows as Place has them.
  __device__ __forceinline__ void Run(const Published<Value>* from, int rows, const Watch& watch,
                                      float* slots) const {
    const int g = device::Lane() / 4, t = device::Lane() % 4;
    const int vector = share_.first_item * 4 + t;
    Reader<kItems, kAhead> reader(from + (vector * rows + g) * Op::kVector, 4 * rows, share_,
                                  watch);
    float* const to = slots + (share_.slice * kUnitsOfBlock + 2 * t) * BackwardStride(rows) + g;
    for (int tile = share_.first; tile < share_.end; ++tile) {
      float sums[2][4] = {};  // of even and odd fragments: two chains of products
      BNLSTM_UNROLL
      for (int item = 0; item < kItems; ++item) {
        if (item < share_.items) {
          const Words(&mine)[2] = reader.Get(item, tile);
          BNLSTM_UNROLL
          for (int half = 0; half < 2; ++half) {
            const Words& v = mine[half];
            Op::Multiply(sums[half], {v.x, v.y, v.z, v.w}, weights_[item][half]);
          }
        }
        reader.Next(item, tile);
      }
      BNLSTM_UNROLL
      for (int i = 0; i < 4; ++i) {
        to[i % 2 * BackwardStride(rows) + tile * kTileRows + i / 2 * 8] = sums[0][i] + sums[1][i];
      }
    }
  }

  /// The sum over the slices, of one of the block's units.
  __device__ __forceinline__ float Sum(const float* slots, int unit, int rows, int n) const {
    float sum = slots[unit * BackwardStride(rows) + n];
    BNLSTM_UNROLL
    for (int slice = 1; slice < kWarpsOfBlock; slice *= 2) {
      if (slice >= slices_) break;
      BNLSTM_UNROLL
      for (int each = slice; each < 2 * slice; ++each) {
        sum += slots[(each * kUnitsOfBlock + unit) * BackwardStride(rows) + n];
      }
    }
    return sum;
  }

 private:
  static __device__ int Groups(int blocks) { return blocks * (kUnitsOfBlock / Op::kVector); }

  const Share share_;
  const int slices_;
  uint32_t weights_[kItems][2][2];
};

}  // namespace bnlstm::cuda
