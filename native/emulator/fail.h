#pragma once

#include <string>

namespace bnlstm::emulator {

/// A fault of the program under test that no error code stands for: prints and aborts.
[[noreturn]] void Fail(const std::string& message);

}  // namespace bnlstm::emulator
