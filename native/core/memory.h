#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/engine.h"

namespace bnlstm {

/// What is alive in the whole process, for leak tests.
struct Alive {
  static inline std::atomic<int64_t> streams{0}, arrays{0}, bytes{0};
};

/// A piece of an engine's memory, freed with this object. Zeroed at first.
class Memory {
 public:
  Memory() = default;
  Memory(std::shared_ptr<const Engine> engine, size_t bytes)
      : engine_(std::move(engine)),
        data_(bytes ? engine_->Allocate(bytes) : nullptr),
        bytes_(bytes) {
    Alive::bytes += static_cast<int64_t>(bytes_);
  }
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Memory() {
    if (data_) engine_->Free(data_, bytes_);
    Alive::bytes -= static_cast<int64_t>(bytes_);
  }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<const Engine> engine_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

/// Memory of the host on its way to or from the device. Not zeroed.
class Staging {
 public:
  Staging() = default;
  Staging(std::shared_ptr<const Engine> engine, size_t bytes)
      : engine_(std::move(engine)),
        data_(bytes ? engine_->AllocateStaging(bytes) : nullptr),
        bytes_(bytes) {}
  Staging(Staging&& other) noexcept { *this = std::move(other); }
  Staging& operator=(Staging&& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Staging() {
    if (data_) engine_->FreeStaging(data_);
  }
  std::byte* data() const { return static_cast<std::byte*>(data_); }
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<const Engine> engine_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace bnlstm
