#pragma once

#include <string>
#include <vector>

namespace bnlstm {

/// What this CPU can do, by its feature bits (which a hypervisor may have masked), not its name.
struct CpuFeatures {
  std::string level;              // for which functions are multiversioned: x86-64-v3; or aarch64
  std::vector<std::string> sets;  // instruction sets worth having kernels for
};
CpuFeatures FindCpuFeatures();

/// What the CPU has; whether the operating system grants tiles is another question.
bool HasAmxTiles();
bool HasAmxBf16();

}  // namespace bnlstm
