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

  /// No program may be running. Throws kOutOfMemory with nothing changed, which is why the old
  /// block is freed only once the new one is there.
  void Grow(std::shared_ptr<const Engine> engine, size_t bytes) {
    memory_ = Memory(std::move(engine), bytes);
    ++generation_;
  }
  void Clear() { memory_ = Memory(); }

 private:
  Memory memory_;
  uint64_t generation_ = 0;
};

}  // namespace bnlstm
