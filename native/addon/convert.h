#pragma once

#include <napi.h>

#include "core/stream.h"
#include "cpu/orthogonal.h"

namespace bnlstm::addon {

/// JavaScript values into the plain structs that may be queued. Only lib/program calls these, so a
/// mistake is an internal error; a disposed array throws kDisposed.

/// An integer from 0 to 2^53.
size_t ReadCount(const Napi::Value& value, const char* what);
OpDescription ReadOp(const Napi::Value& value, const Stream& stream);
ProgramDescription ReadProgram(const Napi::Value& value, const Stream& stream);
cpu::Orthogonal ReadOrthogonal(const Napi::Value& value);

}  // namespace bnlstm::addon
