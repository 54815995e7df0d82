#pragma once

#include <napi.h>

#include <string>

#include "core/error.h"

namespace bnlstm::addon {

/// What the C++ side hands to the constructor of a class that JavaScript cannot make itself. The
/// new object gets the tag by which Tagged knows it.
template <class Parts>
Parts& TakeParts(const Napi::CallbackInfo& info, const napi_type_tag& tag) {
  Assert(info.Length() == 1 && info[0].IsExternal(), "only a stream makes these objects");
  info.This().As<Napi::Object>().TypeTag(&tag);
  return *info[0].As<Napi::External<Parts>>().Data();
}

/// The wrap behind a JavaScript value, which must be of that class: unwrapping any other object
/// would be undefined behaviour.
template <class Wrap>
Wrap& Tagged(const Napi::Value& value, const napi_type_tag& tag, const std::string& what) {
  Assert(value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&tag), what + " was expected");
  return *Wrap::Unwrap(value.As<Napi::Object>());
}

}  // namespace bnlstm::addon
