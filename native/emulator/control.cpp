#include "emulator/control.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "emulator/fail.h"
#include "emulator/random.h"
#include "emulator/settings.h"
#include "emulator/state.h"

namespace bnlstm::emulator {

Settings settings;

namespace {

uint64_t random_state = 1;

uint64_t Number(const char* name, const char* text, char** end) {
  const uint64_t value = std::strtoull(text, end, 10);
  if (*end == text) Fail(std::string(name) + "=" + text + ": a number is expected");
  return value;
}

uint64_t Environment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return otherwise;
  char* end = nullptr;
  const uint64_t value = Number(name, text, &end);
  if (*end != 0) Fail(std::string(name) + "=" + text + ": a number is expected");
  return value;
}

void ReadFailure() {
  const char* const name = "BNLSTM_EMULATOR_FAIL";
  const char* const text = std::getenv(name);
  if (text == nullptr) return;
  char* end = nullptr;
  settings.failing_call = static_cast<int64_t>(Number(name, text, &end));
  const bool code = *end == ':';
  if (code) settings.failure = static_cast<cudaError_t>(Number(name, end + 1, &end));
  settings.sticky = std::strcmp(end, ":sticky") == 0;
  if (!code || (*end != 0 && !settings.sticky)) {
    Fail(std::string(name) + "=" + text + ": nth:code or nth:code:sticky is expected");
  }
}

}  // namespace

void ReadEnvironment() {
  settings.seed = Environment("BNLSTM_EMULATOR_SEED", settings.seed);
  settings.memory = Environment("BNLSTM_EMULATOR_MEMORY", settings.memory);
  settings.late_stores = Environment("BNLSTM_EMULATOR_LATE_STORES", 0) != 0;
  settings.lost_block = static_cast<int64_t>(
      Environment("BNLSTM_EMULATOR_LOSE_STORES", static_cast<uint64_t>(settings.lost_block)));
  settings.multiprocessors = static_cast<int>(Environment("BNLSTM_EMULATOR_MULTIPROCESSORS", 4));
  ReadFailure();
  random_state = settings.seed;
}

uint64_t RandomBelow(uint64_t limit) {
  if (settings.seed == 0) return 0;
  // Vigna's splitmix64.
  uint64_t z = random_state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % limit;
}

void Fail(const std::string& message) {
  std::fprintf(stderr, "bnlstm emulator: %s\n", message.c_str());
  std::abort();
}

void SetSeed(uint64_t seed) {
  const Locked state;
  settings.seed = random_state = seed;
}

void SetMemory(size_t bytes) {
  const Locked state;
  settings.memory = bytes;
}

size_t MemoryInUse() {
  const Locked state;
  return state->heap.in_use;
}

size_t PinnedMemoryInUse() {
  const Locked state;
  return state->heap.pinned;
}

size_t Handles() {
  const Locked state;
  return state->streams.size() + state->events.size() + state->graphs.size() + state->execs.size();
}

void SetLateStores(bool late) {
  const Locked state;
  settings.late_stores = late;
}

void LoseStores(int64_t block) {
  const Locked state;
  settings.lost_block = block;
}

void SetMultiprocessors(int count) {
  const Locked state;
  settings.multiprocessors = count;
}

void FailCall(int64_t nth, cudaError_t error, bool sticky) {
  const Locked state;
  settings.failing_call = settings.calls + nth;
  settings.failure = error;
  settings.sticky = sticky;
}

void ClearFailure() {
  const Locked state;
  settings.failing_call = 0;
  settings.lost = cudaSuccess;
}

int64_t Calls() {
  const Locked state;
  return settings.calls;
}

}  // namespace bnlstm::emulator
