#include "addon/array_wrap.h"

#include <utility>

#include "addon/errors.h"
#include "addon/instance_data.h"
#include "addon/wrap.h"

namespace bnlstm::addon {
namespace {

constexpr napi_type_tag kTag{0x7d1cf8a3b5e94c02, 0x9b64a1d7e3f05c18};

}  // namespace

struct ArrayWrap::Parts {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Array> array;
  std::shared_ptr<ExternalMemory> external;
};

Napi::Function ArrayWrap::Define(Napi::Env env) {
  return DefineClass(env, "Array",
                     {InstanceAccessor<&ArrayWrap::Bytes>("bytes"),
                      InstanceMethod<&ArrayWrap::Dispose>("dispose")});
}

Napi::Object ArrayWrap::New(Napi::Env env, std::shared_ptr<Stream> stream,
                            std::shared_ptr<Array> array,
                            std::shared_ptr<ExternalMemory> external) {
  Parts parts{std::move(stream), std::move(array), std::move(external)};
  return InstanceData::Of(env).array_constructor.New({Napi::External<Parts>::New(env, &parts)});
}

ArrayWrap::ArrayWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ArrayWrap>(info) {
  Guarded(info.Env(), [&] {
    auto& parts = TakeParts<Parts>(info, kTag);
    stream_ = std::move(parts.stream);
    array_ = std::move(parts.array);
    external_ = std::move(parts.external);
    external_->Add(info.Env(), static_cast<int64_t>(array_->bytes()));
  });
}

std::shared_ptr<Array> ArrayWrap::Get(const Napi::Value& value, const Stream& stream) {
  const ArrayWrap& wrap = Tagged<ArrayWrap>(value, kTag, "an array");
  Assert(wrap.stream_.get() == &stream, "the array belongs to another stream");
  if (wrap.array_->disposed()) throw Error(kDisposed, "the array was disposed");
  return wrap.array_;
}

Napi::Value ArrayWrap::Bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(array_->bytes()));
}

Napi::Value ArrayWrap::Dispose(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    stream_->Dispose(array_);
    TakeBack(info.Env());
    return info.Env().Undefined();
  });
}

void ArrayWrap::TakeBack(Napi::BasicEnv env) {
  if (const auto external = std::exchange(external_, nullptr)) {
    external->Add(env, -static_cast<int64_t>(array_->bytes()));
  }
}

}  // namespace bnlstm::addon
