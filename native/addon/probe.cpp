#include "addon/probe.h"

#include "addon/errors.h"
#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "cpu/instruction_sets.h"
#include "cuda/probe.h"

namespace bnlstm::addon {
namespace {

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

Napi::Object ToGpu(Napi::Env env, const cuda::Gpu& gpu) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", gpu.name);
  object.Set("capability", std::to_string(gpu.major) + "." + std::to_string(gpu.minor));
  object.Set("memory", static_cast<double>(gpu.memory));
  object.Set("multiprocessors", gpu.multiprocessors);
  return object;
}

Napi::Object ToCuda(Napi::Env env, const cuda::Probe& cuda) {
  const cuda::Facts& facts = cuda.facts;
  Napi::Array gpus = Napi::Array::New(env);
  for (const cuda::Gpu& gpu : facts.gpus) gpus.Set(gpus.Length(), ToGpu(env, gpu));
  Napi::Object object = Napi::Object::New(env);
  object.Set("built", facts.built);
  object.Set("message", cuda.verdict.message);
  object.Set("driverVersion", facts.driver_version);
  object.Set("runtimeVersion", facts.runtime_version);
  object.Set("cublas", facts.cublas);
  object.Set("gpus", gpus);
  return object;
}

}  // namespace

Napi::Value Probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&] {
    static const CpuFeatures cpu = FindCpuFeatures();
    const cuda::Probe& cuda = cuda::ProbeDevices();
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
    for (const cuda::DeviceRow& row : cuda.verdict.devices) add(row.name, row.available, row.why);
#ifdef BNLSTM_EMULATOR
    add("emulator", true, "the CUDA engine, run by the CPU for tests");
#endif

    Napi::Object result = Napi::Object::New(env);
    result.Set("devices", devices);
    result.Set("instructionSet", cpu.level);
    result.Set("instructionSets", ToArray(env, cpu.sets));
    result.Set("threads", threads);
    result.Set("cuda", ToCuda(env, cuda));
    return result;
  });
}

}  // namespace bnlstm::addon
