#include "addon/completions.h"

#include <cstring>
#include <utility>

#include "addon/errors.h"

namespace bnlstm::addon {
namespace {

/// Copies what the stream has left into the caller's arrays. One that was transferred or resized
/// while the job ran has lost its memory.
void Deliver(Napi::Env env, const Completions::Pending& pending) {
  if (pending.outputs.IsEmpty()) return;
  const Napi::Object outputs = pending.outputs.Value();
  for (size_t i = 0; i < pending.results.size(); ++i) {
    const Napi::Value output = outputs.Get(static_cast<uint32_t>(i));
    const auto [offset, bytes] = pending.results[i];
    if (!output.IsTypedArray() || output.As<Napi::TypedArray>().ByteLength() != bytes) {
      throw ToJs(env, {kArgument, "output " + std::to_string(i) +
                                      " was detached or resized before it could be filled"});
    }
    void* data = nullptr;
    napi_get_typedarray_info(env, output, nullptr, nullptr, &data, nullptr, nullptr);
    std::memcpy(data, pending.staging.data() + offset, bytes);
  }
}

}  // namespace

Completions::Completions(Napi::Env env) : settle_(Function::New(env, "bnlstm:settle", 0, 1, this)) {
  settle_.Unref(env);
}

Completions::Pending& Completions::Add(Napi::Env env, Pending pending) {
  if (pending_.empty()) settle_.Ref(env);
  Pending& added = pending_.emplace_back(std::move(pending));
  added.self = std::prev(pending_.end());
  return added;
}

std::list<Completions::Pending> Completions::Extract(Napi::Env env, Pending& pending) {
  std::list<Pending> extracted;
  extracted.splice(extracted.begin(), pending_, pending.self);
  if (pending_.empty()) settle_.Unref(env);
  return extracted;
}

void Completions::Settle(Napi::Env env, Napi::Function, Completions* completions,
                         Pending* pending) {
  if (env == nullptr) return;  // the environment ends, and what is pending with it
  const std::list<Pending> extracted = completions->Extract(env, *pending);
  if (!pending->fault) {
    try {
      Deliver(env, *pending);
      pending->deferred.Resolve(env.Undefined());
    } catch (const Napi::Error& error) {
      pending->deferred.Reject(error.Value());
    }
  } else {
    pending->deferred.Reject(ToJs(env, *pending->fault).Value());
  }
  if (!pending->stream->closed()) pending->stream->staging().GiveBack(std::move(pending->staging));
}

}  // namespace bnlstm::addon
