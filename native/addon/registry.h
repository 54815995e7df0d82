#pragma once

#include <memory>
#include <string>

#include "core/engine.h"

namespace bnlstm::addon {

/// The engine of a device by its name: `cpu` (its best instruction set), `cpu:avx2`. Throws kDevice,
/// saying which there are, or why this one is not.
std::shared_ptr<const Engine> MakeEngine(const std::string& device);

}  // namespace bnlstm::addon
