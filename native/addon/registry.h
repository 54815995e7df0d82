#pragma once

#include <memory>
#include <string>

#include "core/engine.h"

namespace bnlstm::addon {

/// What a stream may ask of its engine; an engine ignores what is not for it.
struct EngineChoices {
  bool tf32 = false;  // CUDA: products of f32 may round their operands to TF32
};

/// The engine of a device by its name: `cpu` (its best instruction set), `cpu:avx2`, `cuda` (the
/// first GPU), `cuda:1`, `emulator`. Throws kDevice, saying which there are, or why this one is not.
std::shared_ptr<const Engine> MakeEngine(const std::string& device, const EngineChoices& choices);

}  // namespace bnlstm::addon
