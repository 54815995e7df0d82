#include "emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "emulator/fail.h"

#ifndef BNLSTM_FIBER_UCONTEXT
// The registers that a callee must keep; swapcontext would also make a system call for the signal
// mask. Kernels leave the control words of the floating-point units alone.
asm(R"(
  .text
  .p2align 4
  .globl bnlstm_emulator_switch
  .hidden bnlstm_emulator_switch
  .type bnlstm_emulator_switch, @function
bnlstm_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size bnlstm_emulator_switch, .-bnlstm_emulator_switch
)");
#endif

namespace bnlstm::emulator {
namespace {

#ifdef BNLSTM_FIBER_ASAN
constexpr size_t kStack = 256 << 10;  // its frames are larger
#else
constexpr size_t kStack = 64 << 10;
#endif

void (*main_of_fibers)() = nullptr;

void Enter() {
#ifdef BNLSTM_FIBER_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  main_of_fibers();
}

}  // namespace

Fiber* NewFiber(void (*main)()) {
  static uint32_t made = 0;
  main_of_fibers = main;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, page + kStack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) Fail("no memory for another thread's stack");
  // A stack that overflows faults. But a guard costs two mappings, and Linux allows 65,530.
  constexpr uint32_t kGuarded = 16384;
  if (made < kGuarded) (void)mprotect(memory, page, PROT_NONE);
  Fiber* fiber = new Fiber;
  fiber->stack = static_cast<std::byte*>(memory) + page;
  // Stacks that begin at equal offsets of a page would compete for the same lines of the cache.
  fiber->stack_bytes = kStack - made++ * 320 % 4096 / 64 * 64;
#ifdef BNLSTM_FIBER_UCONTEXT
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack;
  fiber->context.uc_stack.ss_size = fiber->stack_bytes;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, Enter, 0);
#else
  void** top = reinterpret_cast<void**>(static_cast<std::byte*>(fiber->stack) + fiber->stack_bytes);
  *--top = nullptr;  // where Enter would return to; keeps the alignment that a call gives
  *--top = reinterpret_cast<void*>(&Enter);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  fiber->stack_pointer = top;
#endif
  return fiber;
}

}  // namespace bnlstm::emulator
