#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "core/engine.h"

namespace bnlstm {

/// An engine of a few ops that do what the tests of the core need, and that counts. A profile has
/// option `ms` of each op.
///   increment  y += option `by` (f32)
///   fail       throws kInternal
///   hang       runs until it is cancelled, at most ten seconds
///   sleep      for option `ms`
class FakeEngine : public Engine {
 public:
  explicit FakeEngine(size_t limit = SIZE_MAX) : limit_(limit) {}

  mutable std::atomic<int> compiled{0};
  mutable std::atomic<int> in_flight{0};      // runs that were started and not finished
  mutable std::atomic<int64_t> allocated{0};  // bytes that were not freed
  mutable std::atomic<bool> hanging{false};
  mutable std::vector<size_t> reserved;  // copies of the last program
  size_t copies_limit = SIZE_MAX;        // bytes of them together

  std::string name() const override { return "fake"; }
  OpSizes Sizes(const OpArguments&) const override { return {1, 2, 3}; }
  OpPlan Plan(const OpArguments& op) const override { return {op.name, "there is no other"}; }

  std::unique_ptr<Executable> Compile(const std::vector<OpArguments>& ops) const override {
    for (const OpArguments& op : ops) {
      if (op.name == "unknown") throw Error(kUnsupported, "the fake lacks 'unknown'");
    }
    ++compiled;
    return std::make_unique<List>(*this, ops);
  }

  void Reserve(const std::vector<size_t>& copies) const override {
    size_t bytes = 0;
    for (const size_t each : copies) bytes += each;
    if (bytes > copies_limit) throw Error(kOutOfMemory, "the fake has no room for copies");
    reserved = copies;
  }
  void* Allocate(size_t bytes) const override {
    if (bytes > limit_) throw Error(kOutOfMemory, "the fake has not so much memory");
    allocated += static_cast<int64_t>(bytes);
    return std::calloc(bytes, 1);
  }
  void Free(void* memory, size_t bytes) const override {
    allocated -= static_cast<int64_t>(bytes);
    std::free(memory);
  }
  void Upload(void* device, const void* host, size_t bytes) const override {
    std::memcpy(device, host, bytes);
  }
  void Download(void* host, const void* device, size_t bytes) const override {
    std::memcpy(host, device, bytes);
  }

 private:
  class List : public Executable {
   public:
    List(const FakeEngine& engine, std::vector<OpArguments> ops)
        : engine_(engine), ops_(std::move(ops)) {}

    void Start(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads,
               const RunContext& context) override {
      Executable::Start(uploads, downloads, context);
      ++engine_.in_flight;
    }
    void Finish() override { --engine_.in_flight; }

    void Run(const RunContext& context) override {
      if (context.op_seconds) {
        context.op_seconds->clear();
        for (const OpArguments& op : ops_) context.op_seconds->push_back(op.Number("ms") / 1e3);
      }
      for (const OpArguments& op : ops_) {
        if (*context.cancelled) return;
        if (op.name == "fail") throw Error(kInternal, "op 'fail': as it was told");
        if (op.name == "hang") Hang(context);
        if (op.name == "sleep") {
          std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(op.Number("ms")));
        }
        if (op.name == "increment") {
          const Tensor y = op.Find("y");
          for (int64_t i = 0; i < y.count(); ++i) y.f32()[i] += static_cast<float>(op.Number("by"));
        }
      }
    }

   private:
    void Hang(const RunContext& context) const {
      engine_.hanging = true;
      for (int i = 0; i < 10000 && !*context.cancelled; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }

    const FakeEngine& engine_;
    const std::vector<OpArguments> ops_;
  };

  const size_t limit_;
};

}  // namespace bnlstm
