#pragma once

#include <vector>

#include "core/memory.h"

namespace bnlstm {

/// Staging memory that is used again, so that a step in a loop allocates none. One thread's.
class StagingPool {
 public:
  explicit StagingPool(std::shared_ptr<const Engine> engine) : engine_(std::move(engine)) {}
  Staging Take(size_t bytes) {
    for (auto free = free_.begin(); free != free_.end(); ++free) {
      if (free->bytes() < bytes) continue;
      Staging found = std::move(*free);
      free_.erase(free);
      return found;
    }
    if (!free_.empty()) free_.erase(free_.begin());  // all too small: let the new one replace one
    return Staging(engine_, bytes);
  }
  void GiveBack(Staging staging) {
    if (free_.size() < kKept) free_.push_back(std::move(staging));
  }
  /// Nothing may be taken or given back any more.
  void Close() {
    free_.clear();
    engine_ = nullptr;
  }

 private:
  static constexpr size_t kKept = 4;  // more in flight than a training loop ever has
  std::shared_ptr<const Engine> engine_;
  std::vector<Staging> free_;
};

}  // namespace bnlstm
