#pragma once

#include <string>
#include <vector>

#include "cpu/simd/kernels.h"

namespace bnlstm::cpu {

/// An instruction set for which there may be kernels in this build, the device `cpu:<name>`.
struct InstructionSet {
  std::string name;
  const Kernels* kernels;  // null if this machine cannot run them
  std::string why;         // what the machine lacks, or what the set is
};

/// All of them, the best last; chosen by feature bits (which a hypervisor may have masked) and by
/// what the operating system grants.
const std::vector<InstructionSet>& InstructionSets();

/// Kernels of AVX-512 with their products of bf16 done by AMX, which `multiply` calls (the tests
/// have one that emulates it).
Kernels WithAmx(Kernels kernels, void (*multiply)(const Product&));

/// Those of the device `cpu`.
const Kernels& BestKernels();

}  // namespace bnlstm::cpu
