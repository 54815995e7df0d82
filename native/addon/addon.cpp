#include <napi.h>

#ifdef __linux__
#include <dlfcn.h>
#endif

#include "addon/array_wrap.h"
#include "addon/cudnn.h"
#include "addon/instance_data.h"
#include "addon/probe.h"
#include "addon/program_wrap.h"
#include "addon/stream_wrap.h"
#include "core/memory.h"

namespace bnlstm::addon {
namespace {

/// Native.counts of lib/native.ts.
Napi::Value Counts(const Napi::CallbackInfo& info) {
  Napi::Object counts = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, int64_t value) {
    counts.Set(name, Napi::Number::New(info.Env(), static_cast<double>(value)));
  };
  set("streams", Alive::streams);
  set("arrays", Alive::arrays);
  set("bytes", Alive::bytes);
  return counts;
}

/// Keeps this library in memory for good. A worker that ends unloads the addons it was the only one
/// to use, and the threads of the pool would go on without their code.
void StayLoaded() {
#ifdef __linux__
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&StayLoaded), &self) != 0) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  StayLoaded();
  auto* data = new InstanceData(env);
  env.SetInstanceData(data);
  env.AddCleanupHook([](InstanceData* data) { data->Close(); }, data);
  data->array_constructor = Napi::Persistent(ArrayWrap::Define(env));
  data->program_constructor = Napi::Persistent(ProgramWrap::Define(env));
  exports.Set("Stream", StreamWrap::Define(env));
  exports.Set("probe", Napi::Function::New<Probe>(env, "probe"));
  exports.Set("cudnnLstm", Napi::Function::New<CudnnLstm>(env, "cudnnLstm"));
  exports.Set("counts", Napi::Function::New<Counts>(env, "counts"));
  return exports;
}

}  // namespace

NODE_API_MODULE(bnlstm, Init)

}  // namespace bnlstm::addon
