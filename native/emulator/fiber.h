#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define BNLSTM_FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if !(defined(__x86_64__) && defined(__ELF__))
#define BNLSTM_FIBER_UCONTEXT
#endif
#ifdef BNLSTM_FIBER_UCONTEXT
#include <ucontext.h>
#endif

namespace bnlstm::emulator {

/// A stack and, while it does not run, its registers. One that has no stack of its own stands for
/// the caller's.
struct Fiber {
  void* stack_pointer = nullptr;
  void* stack = nullptr;  // lowest address
  size_t stack_bytes = 0;
#ifdef BNLSTM_FIBER_UCONTEXT
  ucontext_t context = {};
#endif
#ifdef BNLSTM_FIBER_ASAN
  void* fake_stack = nullptr;
#endif
};

/// Never deleted: it is to be used again. `main` must not return. Its pages are taken when touched.
Fiber* NewFiber(void (*main)());

#ifndef BNLSTM_FIBER_UCONTEXT
extern "C" void bnlstm_emulator_switch(void** save, void* load);
#endif

/// Returns when something switches back to `from`.
inline void SwitchFiber(Fiber& from, Fiber& to) {
#ifdef BNLSTM_FIBER_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
#ifdef BNLSTM_FIBER_UCONTEXT
  swapcontext(&from.context, &to.context);
#else
  bnlstm_emulator_switch(&from.stack_pointer, to.stack_pointer);
#endif
#ifdef BNLSTM_FIBER_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

}  // namespace bnlstm::emulator
