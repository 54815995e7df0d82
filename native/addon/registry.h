#pragma once

#include <memory>
#include <string>

#include "core/engine.h"

namespace bnlstm::addon {

/// The engine of a device by its name: `cpu`, `cpu:portable`. Throws kDevice, saying which there
/// are.
std::shared_ptr<const Engine> MakeEngine(const std::string& device);

}  // namespace bnlstm::addon
