#pragma once

#include <napi.h>

#include "core/stream.h"

namespace bnlstm::addon {

/// An Error with the name and the codes that lib/errors.ts documents.
inline Napi::Error ToJs(Napi::Env env, const Fault& fault) {
  Napi::Error error = Napi::Error::New(env, fault.message);
  error.Set("name", "BnLstmError");
  error.Set("code", fault.code);
  return error;
}

/// Runs what JavaScript called; whatever C++ throws becomes a JavaScript error.
template <class Body>
auto Guarded(Napi::Env env, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw ToJs(env, CurrentFault());
  }
}

}  // namespace bnlstm::addon
