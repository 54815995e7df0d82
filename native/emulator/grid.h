#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "emulator/fiber.h"

/// How the threads of a kernel run: each is a fiber, all on the one OS thread that holds the
/// emulator's lock, so that a run is repeated by its seed. A thread runs until it waits; then comes
/// the next of its warp, of its block, or, when the whole block waits, a thread of another block.
/// Blocks start one after the other, each when those before have returned or only spin.
namespace bnlstm::emulator {

struct Block;

enum class Collective { kShuffleXor, kShuffleFrom, kBallot, kMultiplyTiles, kMultiplyTf32Tiles };

struct Warp {
  static constexpr int kLanes = 32, kBoxBytes = 32;
  uint32_t generation = 0;  // collectives that are complete
  int arrived = 0;
  int lanes = 0;
  Collective kind = Collective::kShuffleXor;  // of the first that arrived
  // What lanes gave. Two boxes in turn: a lane may be at the next collective while others still read.
  alignas(16) std::byte box[2][kLanes][kBoxBytes];
};

struct Thread {
  // It can run while these differ.
  const uint32_t* waits_for = nullptr;
  uint32_t generation = 0;
  int index = 0;
  Thread* next_in_warp = nullptr;
  Thread* next_in_block = nullptr;
  Fiber* fiber = nullptr;  // null before it starts and after it has returned
  Warp* warp = nullptr;
  Block* block = nullptr;

  bool runnable() const { return *waits_for != generation; }
};

struct Block {
  int64_t index = 0;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::byte* shared = nullptr;
  Thread* cursor = nullptr;  // ran last
  uint32_t generation = 0;   // SyncBlocks that are complete
  uint32_t turn = 0;         // a thread that spins waits for the next one
  int arrived = 0, returned = 0;
};

// Of the grid that runs. The emulator's lock guards them.
extern Thread* current;
extern int64_t block_count;

/// Runs a kernel's threads until all have returned.
void RunGrid(int64_t blocks, int threads, size_t shared_bytes, const std::function<void()>& body);

void Wait();  // until the current thread can run again
void WaitForBlock();
void Spin();
/// A clock that goes only while all threads spin, and begins anew when one gets on: a wait for what
/// never comes is long, a slow machine is not.
int64_t IdleNanoseconds();
[[noreturn]] void FailMixed(Collective kind);
[[noreturn]] void FailPartial(Collective kind);

/// From the current thread to one that can run and has a fiber.
inline void SwitchTo(Thread* next) {
  Fiber& from = *current->fiber;
  current = next;
  SwitchFiber(from, *next->fiber);
}

inline void WaitForWarp(Collective kind) {
  Warp& warp = *current->warp;
  if (warp.arrived == 0) {
    warp.kind = kind;
  } else if (warp.kind != kind) {
    FailMixed(kind);
  }
  if (++warp.arrived == warp.lanes) {
    warp.arrived = 0;
    ++warp.generation;
    return;
  }
  current->waits_for = &warp.generation;
  current->generation = warp.generation;
  Thread* next = current->next_in_warp;
  if (next->fiber != nullptr && next->runnable()) {
    SwitchTo(next);
  } else {
    Wait();
  }
}

/// What each lane of the warp gave; valid until this lane's next collective but one.
template <class T>
const std::byte (*Exchange(Collective kind, const T& value))[Warp::kBoxBytes] {
  static_assert(sizeof(T) <= Warp::kBoxBytes);
  Warp& warp = *current->warp;
  if (warp.lanes != Warp::kLanes) FailPartial(kind);
  auto* box = warp.box[warp.generation & 1];
  __builtin_memcpy(box[current->index % Warp::kLanes], &value, sizeof value);
  WaitForWarp(kind);
  return box;
}

}  // namespace bnlstm::emulator
