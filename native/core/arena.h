#pragma once

#include "core/memory.h"

namespace bnlstm {

/// The memory that the programs of one stream share: each runs alone and leaves nothing behind in
/// it. Grows to the largest of them. Whoever keeps an address into it keeps the generation too.
class Arena {
 public:
  std::byte* data() const { return static_cast<std::byte*>(memory_.data()); }
  size_t bytes() const { return memory_.bytes(); }
  uint64_t generation() const { return generation_; }

  /// No program may be running.
  void Grow(Memory larger) {
    memory_ = std::move(larger);
    ++generation_;
  }
  void Clear() { memory_ = Memory(); }

 private:
  Memory memory_;
  uint64_t generation_ = 0;
};

}  // namespace bnlstm
