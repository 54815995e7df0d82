#pragma once

#include "cpu/instruction_sets.h"

namespace bnlstm {

/// What bf16 models have of cpu:amx, its tiles emulated: runs on every machine, but here only
/// `multiply` does.
cpu::ValueKernels EmulatedAmxProduct();

/// The whole of cpu:amx, its tiles emulated; null where the kernels are missing or do not run.
const cpu::Kernels* EmulatedAmx();

}  // namespace bnlstm
