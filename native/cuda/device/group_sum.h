#pragma once

#include "cuda/device/recurrent_product.h"

namespace bnlstm::cuda {

/// How the blocks of a group add up what each has of the others' units: from lane to lane, as the sums
/// of a block lie in its lanes as the values of the block that they are for. The memory is one vector
/// for each lane and pair of blocks, written again at every step, and the lowest bit of its first number,
/// which the sums leave out of all numbers, tells which of two steps in a row it is of: a block sends once
/// it has read what all blocks published of the step, and they published after they had read what came
/// before. All bits are set at first. Lanes without rows send what nobody uses.
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

  /// Sends the other members their parts. `step`: counts from 0.
  __device__ __forceinline__ void Send(int step, const UnitSums<kRows>& parts) {
    bit_ = static_cast<uint32_t>(step) & 1;
    BNLSTM_UNROLL
    for (int member = 0; member < kBlocksOfGroup; ++member) {
      uint32_t words[4] = {};
      BNLSTM_UNROLL
      for (int i = 0; i < kRows; ++i) words[i] = device::BitsOf(parts.of[member][i]);
      const Words part = {(words[0] & ~1u) | bit_, words[1], words[2], words[3]};
      if (member == member_) {
        mine_ = part;
      } else {
        device::StoreRelaxed(to_ + member * kOfBlock, part);
      }
    }
  }
  /// Waits for the other members' parts, and returns the sums of the lane's rows, added in one order.
  __device__ __forceinline__ void Receive(const Watch& watch, float (&sums)[kRows]) const {
    Words parts[kBlocksOfGroup];
    BNLSTM_UNROLL
    for (int member = 0; member < kBlocksOfGroup; ++member) {
      parts[member] = mine_;
      device::LoadRelaxedIf(member != member_, from_ + member * kOfMember, parts[member]);
    }
    const auto missing = [&] {
      uint32_t other = 0;
      BNLSTM_UNROLL
      for (const Words& each : parts) other |= each.x ^ bit_;
      return (other & 1) != 0;
    };
    if (missing()) {
      Patience patience(watch);
      do {
        BNLSTM_UNROLL
        for (int member = 0; member < kBlocksOfGroup; ++member) {
          const bool again = ((parts[member].x ^ bit_) & 1) != 0;
          device::LoadRelaxedIf(again, from_ + member * kOfMember, parts[member]);
        }
      } while (missing() && !patience.Ends());
    }
    BNLSTM_UNROLL
    for (int i = 0; i < kRows; ++i) {
      float of[kBlocksOfGroup];
      BNLSTM_UNROLL
      for (int member = 0; member < kBlocksOfGroup; ++member) {
        const Words& each = parts[member];
        const uint32_t word = i == 0 ? each.x : i == 1 ? each.y : i == 2 ? each.z : each.w;
        of[member] = device::FloatOf(word & ~1u);  // of every row, so that equal rows stay equal
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
  uint32_t bit_ = 0;
  Words mine_ = {};
};

}  // namespace bnlstm::cuda
