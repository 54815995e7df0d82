#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bnlstm::emulator {

/// The emulator's one sequence of random numbers (SetSeed in control.h), guarded by its lock. Seed 0
/// chooses nothing at random: everything comes in its natural order.
uint64_t RandomBelow(uint64_t limit);

template <class T>
void Shuffle(std::vector<T>& items) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[i - 1 - RandomBelow(i)]);
}

}  // namespace bnlstm::emulator
