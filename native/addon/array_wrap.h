#pragma once

#include <napi.h>

#include <memory>

#include "addon/external_memory.h"
#include "core/stream.h"

namespace bnlstm::addon {

/// NativeArray of lib/native.ts.
class ArrayWrap : public Napi::ObjectWrap<ArrayWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  /// Made by the stream alone.
  static Napi::Object New(Napi::Env env, std::shared_ptr<Stream> stream,
                          std::shared_ptr<Array> array, std::shared_ptr<ExternalMemory> external);
  /// The array behind a JavaScript value, which must be one of this stream's. Throws kDisposed.
  static std::shared_ptr<Array> Get(const Napi::Value& value, const Stream& stream);

  explicit ArrayWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override { TakeBack(env); }

 private:
  struct Parts;

  Napi::Value Bytes(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  void TakeBack(Napi::BasicEnv env);

  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Array> array_;
  std::shared_ptr<ExternalMemory> external_;  // null once its bytes were taken back
};

}  // namespace bnlstm::addon
