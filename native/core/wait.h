#pragma once

#include <atomic>
#include <cstdint>

namespace bnlstm {

/// A word that threads wait on. Every change is a sequentially consistent read-modify-write: a
/// plain store could pass the check for sleepers and lose a wake-up.
using Word = std::atomic<uint32_t>;

/// Returns once `word` differs from `old`: at first, with `spin`, looking for some microseconds,
/// then asleep in the kernel until the word is changed and notified. Waking a sleeper costs 5 us,
/// or 40 us where its CPU is a halted virtual one; spinning costs a CPU that others may want.
void Await(const Word& word, uint32_t old, bool spin);

}  // namespace bnlstm
