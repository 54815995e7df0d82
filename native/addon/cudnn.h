#pragma once

#include <napi.h>

namespace bnlstm::addon {

/// Native.cudnnLstm of lib/native.ts.
Napi::Value CudnnLstm(const Napi::CallbackInfo& info);

}  // namespace bnlstm::addon
