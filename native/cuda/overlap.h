#pragma once

#include <cstdint>

#include "cuda/context.h"
#include "cuda/handles.h"

namespace bnlstm::cuda {

/// The two streams of an op whose steps run beside other work, by the plan `overlapped`; by the others
/// one stream, which is both.
class Overlap {
 public:
  Overlap(const Context& context, bool overlaps)
      : steps_(context), beside_(overlaps ? *context.beside : context) {}

  /// Where what goes before and after the steps is enqueued.
  const Context& beside() const { return beside_; }

  /// What either stream is given from now on comes after all that both have been given: at the begin and
  /// at the end of the op too, whose own stream others wait for.
  void Meet() const {
    if (&steps_ == &beside_) return;
    const EventHandle steps(cudaEventDisableTiming), both(cudaEventDisableTiming);
    steps.Record(steps_.stream);
    steps.Precede(beside_.stream);
    both.Record(beside_.stream);
    both.Precede(steps_.stream);
  }

  /// Calls before(k), steps(k) and after(k) for each of so many runs. Where they overlap, what steps(k)
  /// enqueues is beside after(k - 1) and before(k + 1): what passes between them lies in memory of two runs
  /// in turn.
  template <class Before, class Steps, class After>
  void EachRun(int64_t runs, const Before& before, const Steps& steps, const After& after) const {
    if (&steps_ == &beside_) {
      for (int64_t k = 0; k < runs; ++k) {
        before(k);
        steps(k);
        after(k);
      }
      return;
    }
    before(0);
    for (int64_t k = 0; k < runs; ++k) {
      Meet();
      steps(k);
      if (k > 0) after(k - 1);
      if (k + 1 < runs) before(k + 1);
    }
    Meet();
    after(runs - 1);
  }

 private:
  const Context &steps_, &beside_;
};

}  // namespace bnlstm::cuda
