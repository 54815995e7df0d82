#include <algorithm>

#include "core/error.h"
#include "cuda/probe.h"

namespace bnlstm::cuda {
namespace {

std::string Version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string Capability(int architecture) {
  return std::to_string(architecture / 10) + "." + std::to_string(architecture % 10);
}

/// Machine code runs on what has the same first number and at least the second.
bool HasCode(const Facts& facts, int capability) {
  const auto& built = facts.architectures;
  if (built.empty()) return false;
  return (facts.compiles && capability >= built.back()) ||
         std::any_of(built.begin(), built.end(),
                     [&](int each) { return each / 10 == capability / 10 && each <= capability; });
}

std::string LacksCode(const Facts& facts, int capability) {
  std::string built;
  for (const int each : facts.architectures)
    built += (built.empty() ? "" : ", ") + Capability(each);
  const bool old = !facts.architectures.empty() && capability < facts.architectures.front();
  return (old ? "it is too old: " : "") +
         std::string("this build has code for compute capability ") + built +
         (old ? " and newer" : "") + ", and the GPU's is " + Capability(capability);
}

/// Empty if all is well so far.
std::string WhyNone(const Facts& facts) {
  const std::string needed = Version(facts.runtime_version);
  if (!facts.built) {
    return "this build of bnlstm has no CUDA code; rebuild it where a CUDA toolkit is installed, "
           "with scripts/build.mjs --cuda on";
  }
  // An absent driver and an old one give the same error; the driver's version tells them apart.
  if (facts.driver_version == 0) {
    return "no NVIDIA driver was found; install one for CUDA " + needed + " or newer";
  }
  if (facts.old_driver) {
    return "the NVIDIA driver serves CUDA " + Version(facts.driver_version) +
           " at most, and this build needs " + needed + "; update the driver";
  }
  if (!facts.error.empty()) return facts.error;
  if (facts.no_device || facts.gpus.empty()) {
    return "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES set?)";
  }
  return "";
}

std::string Describe(const Gpu& gpu) {
  return gpu.name + ", compute capability " + Capability(10 * gpu.major + gpu.minor) + ", " +
         std::to_string((gpu.memory + (size_t{1} << 29)) >> 30) + " GiB, " +
         std::to_string(gpu.multiprocessors) + " multiprocessors";
}

}  // namespace

Verdict Explain(const Facts& facts) {
  const std::string why = WhyNone(facts);
  if (!why.empty()) return {why, {{"cuda", false, why}}};

  Verdict verdict;
  size_t usable = 0;
  for (const Gpu& gpu : facts.gpus) {
    DeviceRow row{"cuda:" + std::to_string(verdict.devices.size()), false, Describe(gpu)};
    const int capability = 10 * gpu.major + gpu.minor;
    if (!HasCode(facts, capability)) {
      row.why += ": " + LacksCode(facts, capability);
    } else if (facts.cublas.empty()) {
      row.why += ": " + facts.cublas_why;
    } else {
      row.available = true;
      ++usable;
    }
    verdict.devices.push_back(row);
  }
  const size_t count = facts.gpus.size();
  verdict.message = std::to_string(usable) + " of " + std::to_string(count) +
                    (count == 1 ? " GPU can be used" : " GPUs can be used");
  if (usable == 0) verdict.message += ": " + verdict.devices.front().why;
  return verdict;
}

int Choose(const Verdict& verdict, const std::string& device) {
  const std::string name = device == "cuda" ? "cuda:0" : device;
  const std::string number = name.substr(std::min(name.size(), size_t{5}));
  const bool named = name.rfind("cuda:", 0) == 0 && !number.empty() && number.size() <= 4 &&
                     number.find_first_not_of("0123456789") == std::string::npos;
  if (!named)
    throw Error(kDevice, "there is no device '" + device + "'; GPUs are cuda:0, cuda:1 and so on");
  std::string known;
  for (const DeviceRow& row : verdict.devices) {
    const bool all = row.name == "cuda";
    if ((all || row.name == name) && !row.available) {
      throw Error(kDevice, "the device '" + device + "' cannot be used: " + row.why);
    }
    if (row.name == name) return static_cast<int>(&row - verdict.devices.data());
    known += (known.empty() ? "" : ", ") + row.name;
  }
  throw Error(kDevice, "there is no device '" + device + "'; the GPUs here are: " + known);
}

}  // namespace bnlstm::cuda
