#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "addon/external_memory.h"
#include "core/stream.h"

namespace bnlstm::addon {

/// NativeStream of lib/native.ts. Mistakes in arguments throw at once; a stream, program or array
/// that was disposed rejects the promise.
class StreamWrap : public Napi::ObjectWrap<StreamWrap> {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit StreamWrap(const Napi::CallbackInfo& info);
  /// The stream itself ends with its last owner: arrays and pending promises keep it too.
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value Device(const Napi::CallbackInfo& info);
  Napi::Value ArenaBytes(const Napi::CallbackInfo& info);
  Napi::Value ArenaGeneration(const Napi::CallbackInfo& info);
  Napi::Value Sizes(const Napi::CallbackInfo& info);
  Napi::Value Plan(const Napi::CallbackInfo& info);
  Napi::Value Memory(const Napi::CallbackInfo& info);
  Napi::Value NewArray(const Napi::CallbackInfo& info);
  Napi::Value NewProgram(const Napi::CallbackInfo& info);
  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Profile(const Napi::CallbackInfo& info);
  Napi::Value Time(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Orthogonal(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);

  Stream& Open() const;
  template <class Start>
  Napi::Value Promised(Napi::Env env, const Start& start);
  void ReportArena(Napi::BasicEnv env);

  std::shared_ptr<Stream> stream_;
  std::shared_ptr<ExternalMemory> external_ = std::make_shared<ExternalMemory>();
  std::string device_;       // its name, also once the stream is closed
  int64_t arena_bytes_ = 0;  // of it V8 knows
};

}  // namespace bnlstm::addon
