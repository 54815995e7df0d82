#pragma once

#include <napi.h>

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "core/stream.h"

namespace bnlstm::addon {

/// The promises of one environment that streams have yet to settle. One thread-safe function
/// carries all of them (a new one for each job costs twenty times as much); it keeps the event loop
/// alive exactly while something is pending.
///
/// Nothing of JavaScript ever leaves its thread: streams get a pointer, and write the fault and the
/// staging memory behind it.
class Completions {
 public:
  struct Pending {
    Napi::Promise::Deferred deferred;
    std::shared_ptr<Stream> stream;
    Staging staging;
    std::vector<Span> results;      // of staging, for each array in `outputs`
    Napi::ObjectReference outputs;  // a JavaScript array of typed arrays, or empty
    std::optional<Fault> fault{};   // by the stream's thread
    std::list<Pending>::iterator self{};
  };

  explicit Completions(Napi::Env env);

  /// Calls queue(pending, done), which is to queue a job that ends with `done`, and keeps what it
  /// is given until then.
  template <class Queue>
  void Start(Napi::Env env, Pending given, const Queue& queue) {
    Pending& pending = Add(env, std::move(given));
    try {
      queue(pending, [this, &pending](std::optional<Fault> fault) {
        pending.fault = std::move(fault);
        settle_.NonBlockingCall(&pending);  // fails only at the environment's end
      });
    } catch (...) {
      Extract(env, pending);
      throw;
    }
  }

  /// In the environment's cleanup hook, once its streams are closed: Node closes thread-safe
  /// functions after the hooks and before finalizers, and one that is released later aborts.
  void Close() { settle_.Release(); }

 private:
  static void Settle(Napi::Env env, Napi::Function, Completions* completions, Pending* pending);
  using Function = Napi::TypedThreadSafeFunction<Completions, Pending, Settle>;

  Pending& Add(Napi::Env env, Pending pending);
  std::list<Pending> Extract(Napi::Env env, Pending& pending);

  Function settle_;
  std::list<Pending> pending_;
};

}  // namespace bnlstm::addon
