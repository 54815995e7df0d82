#include "emulator/relaxed.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "emulator/control.h"
#include "emulator/fail.h"
#include "emulator/grid.h"
#include "emulator/random.h"
#include "emulator/settings.h"

namespace bnlstm::emulator {
namespace {

struct Store {
  std::array<uint32_t, 4> words;
  uint64_t due;
  const Block* by;
};

constexpr uint64_t kLatest = 32;  // switches between blocks, after which a store is seen
uint64_t now = 0;                 // switches between blocks
// Of each address in the order of the stores; and addresses in the order in which theirs are seen.
auto& pending = *new std::unordered_map<const void*, std::vector<Store>>;
auto& due = *new std::array<std::vector<void*>, kLatest>;

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
  std::vector<Store>& stores = pending[to];
  uint64_t when = now + 1 + RandomBelow(kLatest);
  // Stores to one address are seen in one order.
  if (!stores.empty()) when = std::max(when, stores.back().due);
  stores.push_back({std::to_array(words), when, current->block});
  due[when % kLatest].push_back(to);
  MaybeSwitch();
}

void LoadWords(uint32_t (&words)[4], const void* from) {
  CheckAligned(from);
  if (settings.late_stores) MaybeSwitch();
  std::memcpy(words, from, sizeof words);
  if (pending.empty()) return;
  const auto found = pending.find(from);
  if (found == pending.end()) return;
  for (const Store& store : found->second) {
    if (store.by == current->block) std::memcpy(words, store.words.data(), sizeof words);
  }
}

void PublishStores() {
  ++now;
  std::vector<void*>& here = due[now % kLatest];
  if (here.empty()) return;
  for (void* const to : here) {
    std::vector<Store>& stores = pending[to];
    std::memcpy(to, stores.front().words.data(), sizeof stores.front().words);
    stores.erase(stores.begin());
    if (stores.empty()) pending.erase(to);
  }
  here.clear();
  GotOn();
}

void PublishAllStores() {
  while (!pending.empty()) PublishStores();
}

}  // namespace bnlstm::emulator
