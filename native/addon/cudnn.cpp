#include "addon/cudnn.h"

#include "addon/convert.h"
#include "addon/errors.h"
#ifdef BNLSTM_CUDA_ENGINE
#include "cuda/bench/cudnn_lstm.h"
#endif

namespace bnlstm::addon {

#ifdef BNLSTM_CUDA_ENGINE

namespace {

cuda::CudnnLstmSettings ReadSettings(const Napi::Value& value) {
  Assert(value.IsObject(), "settings must be an object");
  const Napi::Object object = value.As<Napi::Object>();
  const auto count = [&](const char* name) {
    const size_t read = ReadCount(object.Get(name), name);
    Assert(read <= INT32_MAX, std::string(name) + " is too large");
    return static_cast<int>(read);
  };
  return {count("device"),
          object.Get("algorithm").ToString(),
          object.Get("dtype").ToString(),
          count("steps"),
          count("batch"),
          count("features"),
          count("hidden"),
          count("runs")};
}

Napi::Float32Array ToArray(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array[i] = values[i];
  return array;
}

}  // namespace

Napi::Value CudnnLstm(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&] {
    const cuda::CudnnLstmTimes times = cuda::TimeCudnnLstm(ReadSettings(info[0]));
    Napi::Object result = Napi::Object::New(env);
    result.Set("version", times.version);
    result.Set("path", times.path);
    result.Set("refused", times.refused);
    result.Set("error", times.error);
    result.Set("forward", ToArray(env, times.forward));
    result.Set("train", ToArray(env, times.train));
    result.Set("forwardGraph", ToArray(env, times.forward_graph));
    result.Set("trainGraph", ToArray(env, times.train_graph));
    return result;
  });
}

#else

Napi::Value CudnnLstm(const Napi::CallbackInfo& info) {
  throw ToJs(info.Env(), {kUnsupported, "cuDNN needs a GPU, and this build has no CUDA code"});
}

#endif

}  // namespace bnlstm::addon
