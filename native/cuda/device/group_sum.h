#pragma once

#include "cuda/device/exchange.h"
#include "cuda/device/rows.h"

namespace bnlstm::cuda {

/// How the blocks of a group add up what each has of the others' units: from lane to lane, as the sums
/// of a block lie in its lanes as the values of the block that they are for. The memory is one vector
/// for each lane and pair of blocks, written again at every step, and the lowest bit of its first
/// number tells which of two steps in a row it is of: a block sends once it has read what all blocks
/// published of the step, and they published after they had read what came before. All bits are set at
/// first.
template <int kRows>
class GroupSum {
  static_assert(kRows <= 4);
  using Words = device::Words;

 public:
  /// `memory` [blocks][4 from][8 units][lanes] vectors.
  __device__ __forceinline__ GroupSum(Words* memory, int block)
      : member_(block % kBlocksOfGroup),
        to_(memory + Place(block - member_, member_)),
        from_(memory + Place(block, 0)) {}

  /// Sends `part(member, i)` of each row to the other members, and returns in `sums` those of the lane,
  /// of all members in one order. `step`: counts from 0.
  template <class Part>
  __device__ __forceinline__ void Add(int step, const Watch& watch, const Part& part,
                                      float (&sums)[kRows]) const {
    const uint32_t bit = static_cast<uint32_t>(step) & 1;
    float mine[kRows];
    BNLSTM_UNROLL
    for (int member = 0; member < kBlocksOfGroup; ++member) {
      if (member == member_) {
        BNLSTM_UNROLL
        for (int i = 0; i < kRows; ++i) mine[i] = part(member, i);
      } else {
        uint32_t words[4] = {};
        BNLSTM_UNROLL
        for (int i = 0; i < kRows; ++i) words[i] = device::BitsOf(part(member, i));
        device::StoreRelaxed(to_ + member * kOfBlock,
                             {(words[0] & ~1u) | bit, words[1], words[2], words[3]});
      }
    }
    Words theirs[kBlocksOfGroup] = {};
    const auto missing = [&](int member) {
      return member != member_ && (theirs[member].x & 1) != bit;
    };
    const auto any_missing = [&] {
      bool any = false;
      BNLSTM_UNROLL
      for (int member = 0; member < kBlocksOfGroup; ++member) any = any || missing(member);
      return any;
    };
    BNLSTM_UNROLL
    for (int member = 0; member < kBlocksOfGroup; ++member) {
      theirs[member].x = ~bit;
      device::LoadRelaxedIf(member != member_, from_ + member * kOfMember, theirs[member]);
    }
    if (any_missing()) {
      Patience patience(watch);
      do {
        BNLSTM_UNROLL
        for (int member = 0; member < kBlocksOfGroup; ++member) {
          device::LoadRelaxedIf(missing(member), from_ + member * kOfMember, theirs[member]);
        }
      } while (any_missing() && !patience.Ends());
    }
    BNLSTM_UNROLL
    for (int i = 0; i < kRows; ++i) {
      float of[kBlocksOfGroup];
      BNLSTM_UNROLL
      for (int member = 0; member < kBlocksOfGroup; ++member) {
        const uint32_t words[4] = {theirs[member].x, theirs[member].y, theirs[member].z,
                                   theirs[member].w};
        of[member] = member == member_ ? mine[i] : device::FloatOf(words[i]);
      }
      sums[i] = (of[0] + of[1]) + (of[2] + of[3]);
    }
  }

 private:
  static constexpr int kOfMember = kUnitsOfBlock * device::kWarp;  // vectors
  static constexpr int kOfBlock = kBlocksOfGroup * kOfMember;
  static __device__ int Place(int block, int from) {
    return block * kOfBlock + from * kOfMember + device::ThreadIndex();
  }

  const int member_;
  Words* const to_;
  const Words* const from_;
};

}  // namespace bnlstm::cuda
