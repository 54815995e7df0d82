#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace bnlstm {

/// Every failure of native code. `code` is the stable code that lib/errors.ts documents; users'
/// arguments are checked in TypeScript, so most codes thrown here mean a fault inside.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

inline constexpr const char* kArgument = "ERR_BNLSTM_ARGUMENT";
inline constexpr const char* kDevice = "ERR_BNLSTM_DEVICE";
inline constexpr const char* kDeviceLost = "ERR_BNLSTM_DEVICE_LOST";
inline constexpr const char* kInternal = "ERR_BNLSTM_INTERNAL";
inline constexpr const char* kUnsupported = "ERR_BNLSTM_UNSUPPORTED";
inline constexpr const char* kOutOfMemory = "ERR_BNLSTM_OUT_OF_MEMORY";
inline constexpr const char* kDisposed = "ERR_BNLSTM_DISPOSED";
inline constexpr const char* kPoisoned = "ERR_BNLSTM_POISONED";

/// Asserts an invariant that TypeScript should have upheld.
inline void Assert(bool ok, std::string_view what) {
  if (!ok) throw Error(kInternal, "internal error: " + std::string(what));
}

}  // namespace bnlstm
