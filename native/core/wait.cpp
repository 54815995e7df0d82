#include "core/wait.h"

#include <chrono>

namespace bnlstm {
namespace {

/// Longer than the few microseconds by which members of a balanced team miss each other, shorter
/// than a few switches of context.
constexpr std::chrono::microseconds kSpin{20};

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

}  // namespace

void Await(const Word& word, uint32_t old, bool spin) {
  if (spin) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
      for (int i = 0; i < 32; ++i) {
        if (word.load() != old) return;
        Pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }
  word.wait(old);
}

}  // namespace bnlstm
