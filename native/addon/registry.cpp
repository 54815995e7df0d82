#include "addon/registry.h"

#include "cpu/engine.h"
#include "cpu/instruction_sets.h"
#include "cuda/probe.h"
#ifdef BNLSTM_CUDA_ENGINE
#include "cuda/engine.h"
#endif

namespace bnlstm::addon {
namespace {

/// Null for the name of another kind of device.
std::shared_ptr<const Engine> MakeCudaEngine(const std::string& device,
                                             [[maybe_unused]] const EngineChoices& choices) {
#ifdef BNLSTM_EMULATOR
  if (device == "emulator") return cuda::MakeEngine({0, choices.tf32});
#endif
  if (device != "cuda" && device.rfind("cuda:", 0) != 0) return nullptr;
  [[maybe_unused]] const int gpu = cuda::Choose(cuda::ProbeDevices().verdict, device);
#if defined(BNLSTM_CUDA_ENGINE) && !defined(BNLSTM_EMULATOR)
  return cuda::MakeEngine({gpu, choices.tf32});
#else
  throw Error(kInternal, "internal error: a GPU in a build without CUDA");
#endif
}

}  // namespace

std::shared_ptr<const Engine> MakeEngine(const std::string& device, const EngineChoices& choices) {
  if (device == "cpu") return cpu::MakeEngine(cpu::BestKernels());
  if (auto engine = MakeCudaEngine(device, choices)) return engine;
  std::string names = "cpu";
  for (const cpu::InstructionSet& set : cpu::InstructionSets()) {
    const std::string name = "cpu:" + set.name;
    if (device == name && set.kernels) return cpu::MakeEngine(*set.kernels);
    if (device == name)
      throw Error(kDevice, "the device '" + device + "' is not there: " + set.why);
    names += ", " + name;
  }
  throw Error(kDevice, "there is no device '" + device + "'; this build has: " + names +
                           ", and cuda, cuda:1 and so on where there are GPUs");
}

}  // namespace bnlstm::addon
