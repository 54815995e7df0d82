#pragma once

#include <algorithm>
#include <atomic>
#include <memory>

#include "core/engine.h"

namespace bnlstm::cpu {

struct Kernels;

/// What an op is told while it runs.
struct Context {
  const Kernels& kernels;                        // of the engine's instruction set
  int threads = 1;                               // at most this many, at least 1
  bool chosen = false;                           // threads was asked for by number: use them all
  const std::atomic<bool>* cancelled = nullptr;  // may be null; once set, results do not matter

  /// How many threads pay for a region that does `operations` arithmetic between two barriers.
  int ThreadsFor(double operations) const {
    constexpr double kPerThread = 2e5;  // some 5 us of work against about 1 us for a barrier
    return chosen ? threads
                  : static_cast<int>(std::clamp(operations / kPerThread, 1.0, 1.0 * threads));
  }
  bool Cancelled() const { return cancelled && cancelled->load(std::memory_order_relaxed); }
};

/// An engine whose recurrent kernels and matrix products use one instruction set; what else the
/// ops do is portable C++. `portable` gives the same bits on every machine.
std::shared_ptr<Engine> MakeEngine(const Kernels& kernels);

}  // namespace bnlstm::cpu
