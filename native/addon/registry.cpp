#include "addon/registry.h"

#include "cpu/engine.h"

namespace bnlstm::addon {

std::shared_ptr<const Engine> MakeEngine(const std::string& device) {
  if (device == "cpu" || device == "cpu:portable") return cpu::MakeEngine();
  throw Error(kDevice, "there is no device '" + device + "'; this build has: cpu, cpu:portable");
}

}  // namespace bnlstm::addon
