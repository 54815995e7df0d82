#include "addon/probe.h"

#include "addon/errors.h"
#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "cpu/instruction_sets.h"
#include "cuda/probe.h"

namespace bnlstm::addon {
namespace {

struct Facts {
  CpuFeatures cpu = FindCpuFeatures();
  cuda::Probe cuda = cuda::ProbeDevices();
};

/// Asking a driver takes long, and the answer does not change.
const Facts& Known() {
  static const Facts facts;
  return facts;
}

Napi::Array ToArray(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) array.Set(static_cast<uint32_t>(i), texts[i]);
  return array;
}

Napi::Object ToDevice(Napi::Env env, const std::string& name, bool available,
                      const std::string& why) {
  Napi::Object device = Napi::Object::New(env);
  device.Set("name", name);
  device.Set("available", available);
  device.Set("why", why);
  return device;
}

}  // namespace

Napi::Value Probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&] {
    const auto& [cpu, cuda] = Known();
    const int threads = ThreadPool::Available();
    Napi::Array devices = Napi::Array::New(env);
    const auto add = [&](const std::string& name, bool available, const std::string& why) {
      devices.Set(devices.Length(), ToDevice(env, name, available, why));
    };
    add("cpu", true,
        std::string("cpu:") + cpu::BestKernels().name + ", " + std::to_string(threads) +
            (threads == 1 ? " thread" : " threads"));
    for (const cpu::InstructionSet& set : cpu::InstructionSets())
      add("cpu:" + set.name, set.kernels != nullptr, set.why);
    add("cuda", false,
        cuda.device_count > 0 ? "this version has no CUDA engine yet; found " + cuda.message
                              : cuda.message);

    Napi::Object gpu = Napi::Object::New(env);
    gpu.Set("built", cuda.built);
    gpu.Set("message", cuda.message);
    gpu.Set("driverVersion", cuda.driver_version);
    gpu.Set("runtimeVersion", cuda.runtime_version);
    gpu.Set("devices", ToArray(env, cuda.devices));

    Napi::Object result = Napi::Object::New(env);
    result.Set("devices", devices);
    result.Set("instructionSet", cpu.level);
    result.Set("instructionSets", ToArray(env, cpu.sets));
    result.Set("threads", threads);
    result.Set("cuda", gpu);
    return result;
  });
}

}  // namespace bnlstm::addon
