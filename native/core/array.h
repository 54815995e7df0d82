#pragma once

#include "core/memory.h"

namespace bnlstm {

/// Device memory of its own, outside the arena: parameters, tables, packed weights. Made and
/// disposed by the thread that owns the stream, freed by the stream once what is queued has run.
class Array {
 public:
  Array(std::shared_ptr<const Engine> engine, size_t bytes)
      : memory_(std::move(engine), bytes), bytes_(bytes) {
    ++Alive::arrays;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { Free(); }

  std::byte* data() const { return static_cast<std::byte*>(memory_.data()); }
  size_t bytes() const { return bytes_; }
  /// Owner's thread: nothing that uses it may be queued any more.
  bool disposed() const { return disposed_; }
  void set_disposed() { disposed_ = true; }
  /// Stream's thread, or the owner's once that has ended.
  void Free() {
    if (freed_) return;
    freed_ = true;
    memory_ = Memory();
    --Alive::arrays;
  }

 private:
  Memory memory_;
  const size_t bytes_;
  bool disposed_ = false, freed_ = false;
};

}  // namespace bnlstm
