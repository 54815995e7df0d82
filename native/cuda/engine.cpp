#include "cuda/engine.h"

#include <map>
#include <string>
#include <utility>

#include "cuda/executable.h"
#include "cuda/kernels.h"

namespace bnlstm::cuda {
namespace {

/// What the engine knows of an op by its name.
struct Entry {
  Call (*bind)(const OpArguments&, const DeviceFacts&);
  OpSizes (*sizes)(const OpArguments&, const DeviceFacts&);
  OpPlan (*plan)(const OpArguments&, const DeviceFacts&);
};

/// Throws kUnsupported where the op asks for a plan that does not serve it.
template <class Op>
OpPlan PlanOf(const Op& op, const DeviceFacts& device) {
  if constexpr (requires { cuda::Plan(op, device); }) {
    return cuda::Plan(op, device);
  } else {
    return {"single", "the engine has one way to compute it"};
  }
}

template <class Op>
Entry EntryFor() {
  return {[](const OpArguments& arguments, const DeviceFacts& device) -> Call {
            Op op(arguments);
            PlanOf(op, device);  // before anything is captured
            size_t workspace = 0;
            bool overlaps = false;
            if constexpr (requires { Workspace(op); }) workspace = Workspace(op);
            if constexpr (requires { Overlaps(op, device); }) overlaps = Overlaps(op, device);
            return {arguments.name,
                    [op = std::move(op)](const Context& context) { cuda::Run(op, context); },
                    workspace, overlaps};
          },
          [](const OpArguments& arguments, const DeviceFacts& device) -> OpSizes {
            const Op op(arguments);
            if constexpr (requires { cuda::Sizes(op, device); }) {
              return cuda::Sizes(op, device);
            } else if constexpr (requires { cuda::Sizes(op); }) {
              return cuda::Sizes(op);
            } else {
              return {};
            }
          },
          [](const OpArguments& arguments, const DeviceFacts& device) -> OpPlan {
            return PlanOf(Op(arguments), device);
          }};
}

const std::map<std::string, Entry>& Entries() {
  static const std::map<std::string, Entry> entries = [] {
    std::map<std::string, Entry> all;
    ops::ForEachOp([&]<class Op>(const char* name) {
      if constexpr (requires(const Op& op, const Context& context) { cuda::Run(op, context); }) {
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
    throw Error(kUnsupported, "the CUDA engine lacks the op '" + op.name + "'");
  }
  return found->second;
}

class CudaEngine : public Engine {
 public:
  explicit CudaEngine(const EngineOptions& options)
      : queue_(std::make_shared<Queue>(options.device, options.tf32)) {}

  std::string name() const override {
#ifdef BNLSTM_EMULATOR
    return "emulator";
#else
    return "cuda:" + std::to_string(queue_->device());
#endif
  }
  OpSizes Sizes(const OpArguments& op) const override {
    return EntryOf(op).sizes(op, queue_->facts());
  }
  OpPlan Plan(const OpArguments& op) const override {
    return EntryOf(op).plan(op, queue_->facts());
  }
  std::unique_ptr<Executable> Compile(const std::vector<OpArguments>& ops) const override {
    std::vector<Call> calls;
    for (const OpArguments& op : ops) calls.push_back(EntryOf(op).bind(op, queue_->facts()));
    return std::make_unique<GraphExecutable>(queue_, std::move(calls));
  }

  DeviceMemory Memory() const override { return queue_->Memory(); }
  void Reserve(const std::vector<size_t>& copies) const override { ReserveSlots(*queue_, copies); }
  void* Allocate(size_t bytes) const override { return queue_->Allocate(bytes); }
  void Free(void* memory, size_t) const override { queue_->Free(memory); }
  void Upload(void* device, const void* host, size_t bytes) const override {
    queue_->Upload(device, host, bytes);
  }
  void Download(void* host, const void* device, size_t bytes) const override {
    queue_->Download(host, device, bytes);
  }

  size_t InFlight() const override { return Queue::kSlots; }
  void* AllocateStaging(size_t bytes) const override {
    queue_->Use();
    void* memory = nullptr;
    Check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "cudaHostAlloc");
    return memory;
  }
  void FreeStaging(void* memory) const override { cudaFreeHost(memory); }

 private:
  const std::shared_ptr<Queue> queue_;
};

}  // namespace

std::shared_ptr<Engine> MakeEngine(const EngineOptions& options) {
  return std::make_shared<CudaEngine>(options);
}

}  // namespace bnlstm::cuda
