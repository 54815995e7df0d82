#include "emulator/relaxed.h"

#include <cstring>
#include <vector>

#include "emulator/control.h"
#include "emulator/fail.h"
#include "emulator/grid.h"
#include "emulator/random.h"
#include "emulator/settings.h"

namespace bnlstm::emulator {
namespace {

struct Store {
  char* to;
  uint32_t word;
  uint64_t due;
  const Block* by;
};

std::vector<Store>& pending = *new std::vector<Store>;  // in the order of the stores
uint64_t now = 0;                                       // switches between blocks

void CheckAligned(const void* address) {
  if (reinterpret_cast<uintptr_t>(address) % 16 != 0) Fail("16 bytes are accessed unaligned");
}

/// Here is where another block may come in between.
void MaybeSwitch() {
  constexpr uint64_t kOneIn = 16;
  if (RandomBelow(kOneIn) == 1) Spin();
}

}  // namespace

void StoreWords(void* to, const uint32_t (&words)[4]) {
  CheckAligned(to);
  if (current->block->index == settings.lost_block) return;
  GotOn();
  if (!settings.late_stores) {
    std::memcpy(to, words, sizeof words);
    return;
  }
  constexpr uint64_t kLatest = 32;
  uint64_t due = now + RandomBelow(kLatest);
  for (const Store& earlier : pending) {
    // Stores to one address are seen in one order.
    if (earlier.to == to && earlier.due > due) due = earlier.due;
  }
  for (int i = 0; i < 4; ++i) {
    pending.push_back({static_cast<char*>(to) + 4 * i, words[i], due, current->block});
  }
  MaybeSwitch();
}

void LoadWords(uint32_t (&words)[4], const void* from) {
  CheckAligned(from);
  if (settings.late_stores) MaybeSwitch();
  std::memcpy(words, from, sizeof words);
  for (const Store& store : pending) {
    const std::ptrdiff_t offset = store.to - static_cast<const char*>(from);
    if (store.by == current->block && offset >= 0 && offset < 16) words[offset / 4] = store.word;
  }
}

void PublishStores() {
  ++now;
  if (pending.empty()) return;
  const size_t erased = std::erase_if(pending, [](const Store& store) {
    if (store.due > now) return false;
    std::memcpy(store.to, &store.word, sizeof store.word);
    return true;
  });
  if (erased > 0) GotOn();
}

void PublishAllStores() {
  for (const Store& store : pending) std::memcpy(store.to, &store.word, sizeof store.word);
  pending.clear();
}

}  // namespace bnlstm::emulator
