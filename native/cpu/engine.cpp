#include "cpu/engine.h"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <type_traits>
#include <utility>

#include "core/thread_pool.h"
#include "cpu/instruction_sets.h"
#include "cpu/kernels.h"
#include "cpu/simd/kernels.h"

namespace bnlstm::cpu {
namespace {

/// What the engine knows of an op by its name.
struct Entry {
  std::function<void(const Context&)> (*bind)(const OpArguments&);
  OpSizes (*sizes)(const OpArguments&, const Kernels&);
  bool products;  // it multiplies matrices, which is what instruction sets differ in
};

/// Whether an op is one of these.
template <class Op, class... Ops>
constexpr bool kIsOneOf = (std::is_same_v<Op, Ops> || ...);

template <class Op>
Entry EntryFor() {
  return {[](const OpArguments& arguments) -> std::function<void(const Context&)> {
            return [op = Op(arguments)](const Context& context) { cpu::Run(op, context); };
          },
          [](const OpArguments& arguments, const Kernels& kernels) -> OpSizes {
            if constexpr (requires(const Op& op) { cpu::Sizes(op, kernels); }) {
              return cpu::Sizes(Op(arguments), kernels);
            } else {
              return {};
            }
          },
          kIsOneOf<Op, ops::BnLstm, ops::BnLstmBackward, ops::BnLstmPack, ops::Linear,
                   ops::LinearBackward>};
}

const std::map<std::string, Entry>& Entries() {
  static const std::map<std::string, Entry> entries = [] {
    std::map<std::string, Entry> all;
    ops::ForEachOp([&]<class Op>(const char* name) {
      if constexpr (requires(const Op& op, const Context& context) { cpu::Run(op, context); }) {
        all.emplace(name, EntryFor<Op>());
      }
    });
    return all;
  }();
  return entries;
}

const Entry& EntryOf(const OpArguments& op) {
  const auto found = Entries().find(op.name);
  if (found == Entries().end()) {
    throw Error(kUnsupported, "the CPU engine lacks the op '" + op.name + "'");
  }
  if (const std::string plan = op.Text("plan", "auto"); plan != "auto") {
    throw Error(kUnsupported, "plan: expected 'auto', got '" + plan +
                                  "': on a CPU there is one way, whatever the instruction set");
  }
  return found->second;
}

/// The ops in order, each with its operands.
class OpList : public Executable {
 public:
  OpList(const std::vector<OpArguments>& ops, const Kernels& kernels) : kernels_(kernels) {
    for (const OpArguments& op : ops) calls_.push_back({op.name, EntryOf(op).bind(op)});
  }

  void Run(const RunContext& run) override {
    const bool chosen = run.threads > 0;
    const int threads = chosen ? run.threads : ThreadPool::Available();
    const Context context{kernels_, threads, chosen, run.cancelled};
    if (run.op_seconds) run.op_seconds->assign(calls_.size(), 0);
    for (const Call& call : calls_) {
      if (context.Cancelled()) return;
      const auto began = std::chrono::steady_clock::now();
      try {
        call.run(context);
      } catch (const Error& error) {
        throw Error(error.code(), "op '" + call.name + "': " + error.what());
      } catch (const std::bad_alloc&) {
        throw Error(kOutOfMemory, "op '" + call.name + "': out of memory");
      } catch (const std::exception& error) {
        throw Error(kInternal, "internal error: op '" + call.name + "': " + error.what());
      }
      if (run.op_seconds) {
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
        (*run.op_seconds)[static_cast<size_t>(&call - calls_.data())] = time.count();
      }
    }
  }

 private:
  struct Call {
    std::string name;
    std::function<void(const Context&)> run;
  };
  const Kernels& kernels_;
  std::vector<Call> calls_;
};

constexpr size_t kAlignment = 64;

/// Rows of a long sequence, and of large weights, lie on more pages than the processor can keep
/// addresses of. Only a request: the system may not have them.
void AskForLargePages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr size_t kWorthIt = size_t{4} << 20;
  if (bytes < kWorthIt) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / page * page;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

/// A value of /proc/meminfo, or 0.
size_t MemoryInfo(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) << 10;
  }
  return 0;
}

/// Of the machine: what a container's limit leaves is not known here.
DeviceMemory HostMemory() { return {MemoryInfo("MemAvailable"), MemoryInfo("MemTotal")}; }

class CpuEngine : public Engine {
 public:
  explicit CpuEngine(const Kernels& kernels) : kernels_(kernels) {}

  std::string name() const override { return std::string("cpu:") + kernels_.name; }
  OpSizes Sizes(const OpArguments& op) const override { return EntryOf(op).sizes(op, kernels_); }
  OpPlan Plan(const OpArguments& op) const override {
    if (!EntryOf(op).products) return {"plain C++", "it multiplies no matrices"};
    for (const InstructionSet& set : InstructionSets()) {
      if (set.kernels && kernels_.name == set.name) return {set.name, set.why};
    }
    return {kernels_.name, "it was asked for"};
  }
  std::unique_ptr<Executable> Compile(const std::vector<OpArguments>& ops) const override {
    return std::make_unique<OpList>(ops, kernels_);
  }

  DeviceMemory Memory() const override { return HostMemory(); }

  // calloc gets large blocks from the system, zero and untouched. The address that it gave is kept
  // just below the aligned one: blocks of malloc are aligned well enough to leave room for it.
  void* Allocate(size_t bytes) const override {
    static_assert(alignof(std::max_align_t) >= sizeof(void*));
    void* block = bytes > SIZE_MAX - kAlignment ? nullptr : std::calloc(bytes + kAlignment, 1);
    if (!block) {
      throw Error(kOutOfMemory, "out of memory: " + std::to_string(bytes) + " bytes for the CPU");
    }
    const auto address = reinterpret_cast<uintptr_t>(block) + kAlignment;
    void** memory = reinterpret_cast<void**>(address - address % kAlignment);
    memory[-1] = block;
    AskForLargePages(memory, bytes);
    return memory;
  }
  void Free(void* memory, size_t) const override {
    if (memory) std::free(static_cast<void**>(memory)[-1]);
  }
  void Upload(void* device, const void* host, size_t bytes) const override {
    if (bytes) std::memcpy(device, host, bytes);
  }
  void Download(void* host, const void* device, size_t bytes) const override {
    if (bytes) std::memcpy(host, device, bytes);
  }

 private:
  const Kernels& kernels_;
};

}  // namespace

std::shared_ptr<Engine> MakeEngine(const Kernels& kernels) {
  return std::make_shared<CpuEngine>(kernels);
}

}  // namespace bnlstm::cpu
