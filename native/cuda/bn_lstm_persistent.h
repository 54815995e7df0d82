#pragma once

#include "cuda/context.h"
#include "cuda/device/backward_run.h"
#include "cuda/device/forward_run.h"

namespace bnlstm::cuda {

/// Of a block for another, in nanoseconds. All of a grid's blocks run, and a step takes microseconds.
constexpr int64_t kLongestWait = 4'000'000'000;

/// Enqueues one launch of the persistent plan. The exchange has been set to 0xff.
template <class Value>
void Launch(const PersistentPass& pass, const ForwardRun<Value>& run, const Context& context);
template <class Value>
void Launch(const PersistentPass& pass, const BackwardRun<Value>& run, const Context& context);

}  // namespace bnlstm::cuda
