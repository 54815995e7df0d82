#pragma once

#include <napi.h>

namespace bnlstm::addon {

/// Native.probe of lib/native.ts. The answer is found once for the process.
Napi::Value Probe(const Napi::CallbackInfo& info);

}  // namespace bnlstm::addon
