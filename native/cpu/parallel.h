#pragma once

#include <algorithm>

#include "core/thread_pool.h"
#include "cpu/engine.h"

namespace bnlstm::cpu {

/// What moving one number through memory costs, in arithmetic operations.
inline constexpr double kMove = 8;

/// Runs body(Range) on disjoint ranges that cover [0, count), an item being worth that many
/// `operations`. Outputs are divided, never sums: the bits do not depend on the number of threads.
template <class Body>
void ParallelFor(const Context& context, int64_t count, double operations, const Body& body) {
  const int useful = context.ThreadsFor(operations * static_cast<double>(count));
  const int threads = static_cast<int>(std::min<int64_t>(useful, count));
  if (threads <= 1) return body(Range{0, count});
  ThreadPool::Shared().Run(threads, [&](Team& team) { body(Share(count, team)); });
}

}  // namespace bnlstm::cpu
