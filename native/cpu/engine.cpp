#include "cpu/engine.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <new>
#include <utility>

#include "core/thread_pool.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// What the engine knows of an op by its name.
struct Entry {
  std::function<void(const Context&)> (*bind)(const OpArguments&);
  OpSizes (*sizes)(const OpArguments&);
};

template <class Op>
Entry EntryFor() {
  return {[](const OpArguments& arguments) -> std::function<void(const Context&)> {
            return [op = Op(arguments)](const Context& context) { cpu::Run(op, context); };
          },
          [](const OpArguments& arguments) -> OpSizes {
            if constexpr (requires(const Op& op) { cpu::Sizes(op); }) {
              return cpu::Sizes(Op(arguments));
            } else {
              return {};
            }
          }};
}

const std::map<std::string, Entry>& Entries() {
  static const std::map<std::string, Entry> entries{
      {"add", EntryFor<ops::Add>()},
      {"adam", EntryFor<ops::Adam>()},
      {"bnLstm", EntryFor<ops::BnLstm>()},
      {"bnLstmBackward", EntryFor<ops::BnLstmBackward>()},
      {"bnLstmPack", EntryFor<ops::BnLstmPack>()},
      {"commitStep", EntryFor<ops::CommitStep>()},
      {"concat", EntryFor<ops::Concat>()},
      {"concatBackward", EntryFor<ops::Concat>()},
      {"crossEntropy", EntryFor<ops::CrossEntropy>()},
      {"crossEntropyBackward", EntryFor<ops::CrossEntropyBackward>()},
      {"dropout", EntryFor<ops::Dropout>()},
      {"embedding", EntryFor<ops::Embedding>()},
      {"embeddingBackward", EntryFor<ops::EmbeddingBackward>()},
      {"fill", EntryFor<ops::Fill>()},
      {"globalNorm", EntryFor<ops::GlobalNorm>()},
      {"lastStep", EntryFor<ops::LastStep>()},
      {"lastStepBackward", EntryFor<ops::LastStepBackward>()},
      {"linear", EntryFor<ops::Linear>()},
      {"linearBackward", EntryFor<ops::LinearBackward>()},
      {"meanSquaredError", EntryFor<ops::MeanSquaredError>()},
      {"meanSquaredErrorBackward", EntryFor<ops::MeanSquaredErrorBackward>()},
      {"rmsprop", EntryFor<ops::RmsProp>()},
      {"updateStatistics", EntryFor<ops::UpdateStatistics>()},
  };
  return entries;
}

constexpr const char* kName = "cpu:portable";

const Entry& EntryOf(const OpArguments& op) {
  const auto found = Entries().find(op.name);
  if (found == Entries().end()) {
    throw Error(kUnsupported,
                "the device " + std::string(kName) + " lacks the op '" + op.name + "'");
  }
  return found->second;
}

/// The ops in order, each with its operands.
class OpList : public Executable {
 public:
  explicit OpList(const std::vector<OpArguments>& ops) {
    for (const OpArguments& op : ops) calls_.push_back({op.name, EntryOf(op).bind(op)});
  }

  void Run(const RunContext& run) override {
    const bool chosen = run.threads > 0;
    const Context context{chosen ? run.threads : ThreadPool::Available(), chosen, run.cancelled};
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
  std::vector<Call> calls_;
};

constexpr size_t kAlignment = 64;

class CpuEngine : public Engine {
 public:
  std::string name() const override { return kName; }
  OpSizes Sizes(const OpArguments& op) const override { return EntryOf(op).sizes(op); }
  std::unique_ptr<Executable> Compile(const std::vector<OpArguments>& ops) const override {
    return std::make_unique<OpList>(ops);
  }

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
};

}  // namespace

std::shared_ptr<Engine> MakeEngine() { return std::make_shared<CpuEngine>(); }

}  // namespace bnlstm::cpu
