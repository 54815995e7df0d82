#pragma once

#include <napi.h>

namespace bnlstm::addon {

/// What V8 knows of the memory of one stream, so that it collects what was forgotten. Shared by the
/// wraps of the stream and of its arrays; each takes back what it has added, unless the stream has
/// taken back all.
class ExternalMemory {
 public:
  void Add(Napi::BasicEnv env, int64_t bytes) {
    if (closed_) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
    bytes_ += bytes;
  }
  void Close(Napi::BasicEnv env) {
    Add(env, -bytes_);
    closed_ = true;
  }

 private:
  int64_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace bnlstm::addon
