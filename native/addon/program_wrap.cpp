#include "addon/program_wrap.h"

#include <utility>

#include "addon/errors.h"
#include "addon/instance_data.h"
#include "addon/wrap.h"

namespace bnlstm::addon {
namespace {

constexpr napi_type_tag kTag{0x2f86c0e91b7a4d53, 0xa87d5e20c4196fb3};

}  // namespace

struct ProgramWrap::Parts {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Program> program;
};

Napi::Function ProgramWrap::Define(Napi::Env env) {
  return DefineClass(env, "Program",
                     {InstanceAccessor<&ProgramWrap::ArenaBytes>("arenaBytes"),
                      InstanceMethod<&ProgramWrap::Dispose>("dispose")});
}

Napi::Object ProgramWrap::New(Napi::Env env, std::shared_ptr<Stream> stream,
                              std::shared_ptr<Program> program) {
  Parts parts{std::move(stream), std::move(program)};
  return InstanceData::Of(env).program_constructor.New({Napi::External<Parts>::New(env, &parts)});
}

ProgramWrap::ProgramWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProgramWrap>(info) {
  Guarded(info.Env(), [&] {
    auto& parts = TakeParts<Parts>(info, kTag);
    stream_ = std::move(parts.stream);
    program_ = std::move(parts.program);
    arena_bytes_ = program_->arena_bytes();
  });
}

std::shared_ptr<Program> ProgramWrap::Get(const Napi::Value& value, const Stream& stream) {
  const ProgramWrap& wrap = Tagged<ProgramWrap>(value, kTag, "a program");
  Assert(wrap.stream_.get() == &stream, "the program belongs to another stream");
  if (!wrap.program_) throw Error(kDisposed, "the program was disposed");
  if (!wrap.program_->Usable()) throw Error(kDisposed, "an array of the program was disposed");
  return wrap.program_;
}

Napi::Value ProgramWrap::ArenaBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(arena_bytes_));
}

Napi::Value ProgramWrap::Dispose(const Napi::CallbackInfo& info) {
  program_ = nullptr;
  return info.Env().Undefined();
}

}  // namespace bnlstm::addon
