#include "emulator/grid.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "emulator/fail.h"
#include "emulator/random.h"
#include "emulator/relaxed.h"
#include "emulator/settings.h"

namespace bnlstm::emulator {

Thread* current = nullptr;
int64_t block_count = 0;

namespace {

constexpr uint32_t kZero = 0;  // a thread waits for it with 1 (it can run) or 0 (never)

struct Grid {
  const std::function<void()>* body = nullptr;
  int threads = 0;
  size_t shared_bytes = 0;
  size_t most_active = 0;  // blocks that the device holds at once
  size_t turns = 0;
  std::vector<int64_t> waiting;  // indices of blocks that have not started, the next one last
  std::vector<Block*> active;    // started, and not all of their threads have returned
  int64_t idle_spins = 0;        // since any thread got on

  // Kept from grid to grid.
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<Block*> free_blocks;
  std::vector<Fiber*> free_fibers;
  Fiber caller;
};

// Never destroyed: fibers may outlive what is static.
Grid& grid = *new Grid;

const char* Name(Collective kind) {
  switch (kind) {
    case Collective::kShuffleXor:
      return "ShuffleXor";
    case Collective::kShuffleFrom:
      return "ShuffleFrom";
    case Collective::kBallot:
      return "Ballot";
    case Collective::kMultiplyTiles:
      return "MultiplyTiles";
    case Collective::kMultiplyTf32Tiles:
      return "MultiplyTf32Tiles";
  }
  return "";
}

std::string Where(const Thread& thread) {
  return "thread " + std::to_string(thread.index) + " of block " +
         std::to_string(thread.block->index);
}

std::string State(const Thread& thread) {
  if (thread.waits_for == &thread.warp->generation) return Name(thread.warp->kind);
  if (thread.waits_for == &thread.block->generation) return "SyncBlock";
  if (thread.waits_for == &thread.block->turn) return "SpinHint";
  return "its end";
}

/// Runs of threads in the same state, of each block.
[[noreturn]] void FailStuck(const std::string& why) {
  std::string text = why;
  for (const Block* block : grid.active) {
    text += "\n  block " + std::to_string(block->index) + ":";
    for (size_t first = 0, i = 1; i <= block->threads.size(); ++i) {
      const std::string state = State(block->threads[first]);
      if (i < block->threads.size() && State(block->threads[i]) == state) continue;
      text += " threads " + std::to_string(first) + " to " + std::to_string(i - 1) + " at " +
              state + ";";
      first = i;
    }
  }
  if (!grid.waiting.empty()) {
    text += "\n  " + std::to_string(grid.waiting.size()) + " blocks have not started";
  }
  Fail(text);
}

/// Blocks that spin wait for ever if those that they wait for find no place.
size_t MostActive(int threads, size_t shared_bytes) {
  constexpr size_t kMostBlocks = 32;  // of a multiprocessor
  size_t blocks =
      std::min(kMostBlocks, size_t{kThreadsOfMultiprocessor} / static_cast<size_t>(threads));
  if (shared_bytes > 0) blocks = std::min(blocks, kSharedOfMultiprocessor / shared_bytes);
  return std::max<size_t>(1, blocks) * static_cast<size_t>(settings.multiprocessors);
}

/// In which order threads run until they wait: by warps, each in either direction from any lane.
void OrderThreads(Block& block) {
  const int warps = static_cast<int>(block.warps.size());
  Thread* const threads = block.threads.data();
  std::vector<int> order(static_cast<size_t>(warps));
  for (int w = 0; w < warps; ++w) order[static_cast<size_t>(w)] = w;
  Shuffle(order);
  Thread* first = nullptr;
  Thread* last = nullptr;
  for (const int w : order) {
    const int lanes = block.warps[static_cast<size_t>(w)].lanes;
    const int start = static_cast<int>(RandomBelow(static_cast<uint64_t>(lanes)));
    const int step = RandomBelow(2) == 0 ? 1 : lanes - 1;
    Thread* const warp = threads + w * Warp::kLanes;
    for (int i = 0, lane = start; i < lanes; ++i) {
      Thread* const thread = warp + lane;
      lane += step;
      if (lane >= lanes) lane -= lanes;
      thread->next_in_warp = warp + lane;
      if (last != nullptr) last->next_in_block = thread;
      if (first == nullptr) first = thread;
      last = thread;
    }
  }
  last->next_in_block = first;
  block.cursor = last;
}

Block* StartBlock() {
  if (grid.free_blocks.empty()) {
    grid.blocks.push_back(std::make_unique<Block>());
    grid.free_blocks.push_back(grid.blocks.back().get());
  }
  Block* const block = grid.free_blocks.back();
  grid.free_blocks.pop_back();
  block->index = grid.waiting.back();
  grid.waiting.pop_back();
  block->generation = block->turn = 0;
  block->arrived = block->returned = 0;
  const int threads = grid.threads;
  block->threads.resize(static_cast<size_t>(threads));
  block->warps.resize(static_cast<size_t>((threads + Warp::kLanes - 1) / Warp::kLanes));
  for (size_t w = 0; w < block->warps.size(); ++w) {
    Warp& warp = block->warps[w];
    warp.generation = 0;
    warp.arrived = 0;
    const int left = threads - static_cast<int>(w) * Warp::kLanes;
    warp.lanes = left < Warp::kLanes ? left : Warp::kLanes;
  }
  for (int i = 0; i < threads; ++i) {
    Thread& thread = block->threads[static_cast<size_t>(i)];
    thread.waits_for = &kZero;
    thread.generation = 1;
    thread.index = i;
    thread.fiber = nullptr;
    thread.warp = &block->warps[static_cast<size_t>(i / Warp::kLanes)];
    thread.block = block;
  }
  OrderThreads(*block);
  if (grid.shared_bytes > 0) {
    // Of its own and of exactly this size, so that AddressSanitizer sees what lies outside.
    block->shared = static_cast<std::byte*>(std::malloc(grid.shared_bytes));
    if (block->shared == nullptr) Fail("no memory for shared memory");
    std::memset(block->shared, 0xff, grid.shared_bytes);
  }
  grid.active.push_back(block);
  return block;
}

/// After `from` in its block.
Thread* NextInBlock(Thread* from) {
  Thread* thread = from;
  do {
    thread = thread->next_in_block;
    if (thread->runnable()) return thread;
  } while (thread != from);
  return nullptr;
}

/// Of any block, as chance has it; null if there is none. Threads that spin may look again.
Thread* NextAnywhere() {
  PublishStores();
  const bool start_one = !grid.waiting.empty() && grid.active.size() < grid.most_active;
  const size_t choices = grid.active.size() + (start_one ? 1 : 0);
  // By turns where nothing is random: a block that spins must not keep the others from running.
  const size_t start = choices < 2          ? 0
                       : settings.seed == 0 ? grid.turns++ % choices
                                            : RandomBelow(choices);
  for (size_t i = 0; i < choices; ++i) {
    const size_t choice = (start + i) % choices;
    Block* const block = choice < grid.active.size() ? grid.active[choice] : StartBlock();
    ++block->turn;
    if (Thread* const thread = NextInBlock(block->cursor)) return thread;
  }
  return nullptr;
}

/// The current thread has returned. Null when the grid is complete.
Thread* Return() {
  Thread* const thread = current;
  Block* const block = thread->block;
  thread->waits_for = &kZero;
  thread->generation = 0;
  thread->fiber = nullptr;
  grid.idle_spins = 0;
  if (++block->returned < grid.threads) {
    if (Thread* const next = NextInBlock(thread)) return next;
    block->cursor = thread;
  } else {
    std::free(block->shared);
    block->shared = nullptr;
    std::erase(grid.active, block);
    grid.free_blocks.push_back(block);
    if (grid.active.empty() && grid.waiting.empty()) return nullptr;
  }
  Thread* const next = NextAnywhere();
  if (next == nullptr) FailStuck("deadlock: the rest of the kernel's threads wait");
  return next;
}

void FiberMain() {
  for (;;) {
    Fiber* const self = current->fiber;
    (*grid.body)();
    Thread* const next = Return();
    if (next != nullptr && next->fiber == nullptr) {
      // The next thread begins on this stack: one that never waits costs no switch.
      next->fiber = self;
      current = next;
      continue;
    }
    grid.free_fibers.push_back(self);
    current = next;
    SwitchFiber(*self, next != nullptr ? *next->fiber : grid.caller);
    // Here again for another thread, which is the current one.
  }
}

void GiveFiber(Thread* thread) {
  if (thread->fiber != nullptr) return;
  if (grid.free_fibers.empty()) {
    thread->fiber = NewFiber(FiberMain);
  } else {
    thread->fiber = grid.free_fibers.back();
    grid.free_fibers.pop_back();
  }
}

#ifdef BNLSTM_FIBER_ASAN
/// AddressSanitizer must be told where the caller's stack lies to switch back to it.
void FindStack(Fiber& caller) {
  static thread_local std::pair<void*, size_t> stack;
  if (stack.first == nullptr) {
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack.first, &stack.second);
    pthread_attr_destroy(&attributes);
  }
  std::tie(caller.stack, caller.stack_bytes) = stack;
}
#else
void FindStack(Fiber&) {}
#endif

}  // namespace

void Wait() {
  Thread* next = NextInBlock(current);
  if (next == nullptr) {
    current->block->cursor = current;
    next = NextAnywhere();
  }
  if (next == nullptr) FailStuck("deadlock: every thread of the kernel waits");
  if (next == current) return;
  GiveFiber(next);
  SwitchTo(next);
}

void WaitForBlock() {
  Block& block = *current->block;
  if (++block.arrived == grid.threads) {
    block.arrived = 0;
    ++block.generation;
    grid.idle_spins = 0;
    return;
  }
  current->waits_for = &block.generation;
  current->generation = block.generation;
  Wait();
}

void Spin() {
  constexpr int64_t kMostSpins = 1'000'000;
  if (++grid.idle_spins > kMostSpins + 100 * block_count * grid.threads) {
    FailStuck("deadlock: threads spin for what no other writes");
  }
  current->waits_for = &current->block->turn;
  current->generation = current->block->turn;
  Wait();
}

int64_t IdleNanoseconds() {
  constexpr int64_t kNanosecondsOfSpin = 20'000;  // long waits end before the emulator gives up
  return grid.idle_spins * kNanosecondsOfSpin;
}

void GotOn() { grid.idle_spins = 0; }

void FailMixed(Collective kind) {
  Fail("the lanes of a warp are at different collectives: " + Where(*current) + " at " +
       Name(kind) + ", others at " + Name(current->warp->kind));
}

void FailPartial(Collective kind) {
  Fail(Where(*current) + " is at " + Name(kind) + " in a warp of " +
       std::to_string(current->warp->lanes) + " threads; it takes 32");
}

void RunGrid(int64_t blocks, int threads, size_t shared_bytes, const std::function<void()>& body) {
  grid.body = &body;
  grid.threads = threads;
  grid.shared_bytes = shared_bytes;
  grid.most_active = MostActive(threads, shared_bytes);
  grid.turns = 0;
  grid.idle_spins = 0;
  block_count = blocks;
  grid.waiting.resize(static_cast<size_t>(blocks));
  for (int64_t i = 0; i < blocks; ++i) grid.waiting[static_cast<size_t>(i)] = blocks - 1 - i;
  Shuffle(grid.waiting);
  FindStack(grid.caller);
  current = NextAnywhere();
  GiveFiber(current);
  SwitchFiber(grid.caller, *current->fiber);
  PublishAllStores();
}

}  // namespace bnlstm::emulator
