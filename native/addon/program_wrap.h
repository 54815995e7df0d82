#pragma once

#include <napi.h>

#include <memory>

#include "core/stream.h"

namespace bnlstm::addon {

/// NativeProgram of lib/native.ts.
class ProgramWrap : public Napi::ObjectWrap<ProgramWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  /// Made by the stream alone.
  static Napi::Object New(Napi::Env env, std::shared_ptr<Stream> stream,
                          std::shared_ptr<Program> program);
  /// The program behind a JavaScript value, which must be one of this stream's. Throws kDisposed,
  /// also if one of its arrays is gone.
  static std::shared_ptr<Program> Get(const Napi::Value& value, const Stream& stream);

  explicit ProgramWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv) override {}

 private:
  struct Parts;

  Napi::Value ArenaBytes(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Program> program_;  // null once disposed
  size_t arena_bytes_ = 0;
};

}  // namespace bnlstm::addon
