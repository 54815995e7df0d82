#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/completions.h"

namespace bnlstm::addon {

/// All that belongs to one environment (the main thread's or a worker's); freed with it.
struct InstanceData {
  explicit InstanceData(Napi::Env env) : completions(env) {}

  static InstanceData& Of(Napi::Env env) { return *env.GetInstanceData<InstanceData>(); }

  /// The environment's cleanup hook. It runs before finalizers, and while the threads of streams
  /// may still report to `completions`.
  void Close() {
    for (const auto& known : streams) {
      if (const auto stream = known.lock()) stream->Close();
    }
    completions.Close();
  }

  Completions completions;
  std::vector<std::weak_ptr<Stream>> streams;
  Napi::FunctionReference array_constructor, program_constructor;
};

}  // namespace bnlstm::addon
