#include "addon/registry.h"

#include "cpu/engine.h"
#include "cpu/instruction_sets.h"

namespace bnlstm::addon {

std::shared_ptr<const Engine> MakeEngine(const std::string& device) {
  if (device == "cpu") return cpu::MakeEngine(cpu::BestKernels());
  std::string names = "cpu";
  for (const cpu::InstructionSet& set : cpu::InstructionSets()) {
    const std::string name = "cpu:" + set.name;
    if (device == name && set.kernels) return cpu::MakeEngine(*set.kernels);
    if (device == name)
      throw Error(kDevice, "the device '" + device + "' is not there: " + set.why);
    names += ", " + name;
  }
  throw Error(kDevice, "there is no device '" + device + "'; this build has: " + names);
}

}  // namespace bnlstm::addon
