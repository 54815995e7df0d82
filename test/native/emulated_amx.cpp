#include "emulated_amx.h"

namespace bnlstm {
namespace cpu::amx_emulated {
void MultiplyBf16Words(const Product& product);
}

cpu::ValueKernels EmulatedAmxProduct() {
  return cpu::WithAmx(cpu::kKernels, cpu::amx_emulated::MultiplyBf16Words).bf16;
}

const cpu::Kernels* EmulatedAmx() {
  for (const cpu::InstructionSet& set : cpu::InstructionSets()) {
    if (set.name != "avx512bf16" || !set.kernels) continue;
    static const cpu::Kernels kernels =
        cpu::WithAmx(*set.kernels, cpu::amx_emulated::MultiplyBf16Words);
    return &kernels;
  }
  return nullptr;
}

}  // namespace bnlstm
