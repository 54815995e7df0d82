#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "emulator/settings.h"
#include "emulator/state.h"

namespace bnlstm::emulator {

namespace {
constexpr int kPoison = 0xff;
constexpr size_t kAlignment = 256;  // as cudaMalloc gives
}  // namespace

void* Heap::Allocate(size_t bytes, bool on_host) {
  if (!on_host && (in_use > settings.memory || bytes > settings.memory - in_use)) return nullptr;
  void* memory = nullptr;
  // Each piece alone and of its own size, so that AddressSanitizer sees what lies outside.
  if (posix_memalign(&memory, kAlignment, bytes) != 0) return nullptr;
  std::memset(memory, kPoison, bytes);
  pieces_[static_cast<std::byte*>(memory)] = {bytes, on_host};
  (on_host ? pinned : in_use) += bytes;
  return memory;
}

void Heap::Free(void* memory) {
  const auto piece = pieces_.find(static_cast<std::byte*>(memory));
  (piece->second.pinned ? pinned : in_use) -= piece->second.bytes;
  std::memset(memory, kPoison, piece->second.bytes);
  pieces_.erase(piece);
  std::free(memory);
}

void Heap::FreeDevice() {
  std::vector<void*> memory;
  for (const auto& [begin, piece] : pieces_) {
    if (!piece.pinned) memory.push_back(begin);
  }
  for (void* const each : memory) Free(each);
}

Heap::Piece* Heap::Find(void* memory) {
  const auto piece = pieces_.find(static_cast<std::byte*>(memory));
  return piece == pieces_.end() ? nullptr : &piece->second;
}

bool Heap::Locate(const void* memory, size_t bytes, Place* place) {
  std::byte* const begin = static_cast<std::byte*>(const_cast<void*>(memory));
  auto piece = pieces_.upper_bound(begin);
  *place = Place::kPageable;
  if (piece == pieces_.begin()) return true;
  --piece;
  const size_t offset = static_cast<size_t>(begin - piece->first);
  if (offset >= piece->second.bytes) return true;
  *place = piece->second.pinned ? Place::kPinned : Place::kDevice;
  return !piece->second.leaving && bytes <= piece->second.bytes - offset;
}

namespace {

cudaError_t AllocateOnDevice(State& state, void** memory, size_t bytes) {
  *memory = state.heap.Allocate(bytes, false);
  if (*memory != nullptr) return cudaSuccess;
  state.RunAll();  // there may be frees in the queues
  *memory = state.heap.Allocate(bytes, false);
  return *memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}

/// One side of a copy of kind `kind`: whether the range is where that says.
cudaError_t CheckSide(State& state, const void* memory, size_t bytes, bool device, bool any,
                      Heap::Place* place) {
  if (!state.heap.Locate(memory, bytes, place)) return cudaErrorInvalidValue;
  return any || (*place == Heap::Place::kDevice) == device ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t Copy(State& state, const void* to, size_t to_bytes, const void* from, size_t from_bytes,
                 cudaMemcpyKind kind, cudaStream_t stream, std::function<void()> run) {
  Heap::Place target, source;
  const bool any = kind == cudaMemcpyDefault;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  cudaError_t error = CheckSide(state, to, to_bytes, to_device, any, &target);
  if (error == cudaSuccess) {
    error = CheckSide(state, from, from_bytes, from_device, any, &source);
  }
  if (error == cudaSuccess) error = state.Add(stream, {.run = std::move(run)});
  if (error != cudaSuccess || stream->capture != nullptr) return error;
  // With memory that is not pinned the call returns when the copy is made.
  if (target == Heap::Place::kPageable || source == Heap::Place::kPageable) {
    state.RunUntil([&] { return stream->queue.empty(); });
  }
  return cudaSuccess;
}

}  // namespace
}  // namespace bnlstm::emulator

using bnlstm::emulator::AllocateOnDevice;
using bnlstm::emulator::Call;
using bnlstm::emulator::CallThatFrees;
using bnlstm::emulator::Contains;
using bnlstm::emulator::Copy;
using bnlstm::emulator::Heap;
using bnlstm::emulator::State;

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  return Call([&](State& state) {
    const cudaError_t error = state.RefuseInCapture();
    *memory = nullptr;
    if (error != cudaSuccess || bytes == 0) return error;
    return AllocateOnDevice(state, memory, bytes);
  });
}

cudaError_t cudaFree(void* memory) {
  return CallThatFrees([&](State& state) {
    const cudaError_t error = state.RefuseInCapture();
    if (error != cudaSuccess || memory == nullptr) return error;
    state.RunAll();
    const Heap::Piece* const piece = state.heap.Find(memory);
    if (piece == nullptr || piece->pinned) return cudaErrorInvalidValue;
    state.heap.Free(memory);
    return cudaSuccess;
  });
}

cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t stream) {
  return Call([&](State& state) {
    *memory = nullptr;
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) {
      stream->capture->invalidated = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    return bytes == 0 ? cudaErrorInvalidValue : AllocateOnDevice(state, memory, bytes);
  });
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  return CallThatFrees([&](State& state) {
    if (!Contains(state.streams, stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) {
      stream->capture->invalidated = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    if (memory == nullptr) return cudaSuccess;
    Heap::Piece* const piece = state.heap.Find(memory);
    if (piece == nullptr || piece->pinned || piece->leaving) return cudaErrorInvalidValue;
    piece->leaving = true;
    return state.Add(stream, {.run = [&state, memory] { state.heap.Free(memory); }});
  });
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  return Call([&](State& state) {
    const cudaError_t error = state.RefuseInCapture();
    *memory = nullptr;
    if (error != cudaSuccess || bytes == 0) return error;
    *memory = state.heap.Allocate(bytes, true);
    return *memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}

cudaError_t cudaFreeHost(void* memory) {
  return CallThatFrees([&](State& state) {
    const cudaError_t error = state.RefuseInCapture();
    if (error != cudaSuccess || memory == nullptr) return error;
    state.RunAll();
    const Heap::Piece* const piece = state.heap.Find(memory);
    if (piece == nullptr || !piece->pinned) return cudaErrorInvalidValue;
    state.heap.Free(memory);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return Call([&](State& state) {
    if (bytes == 0) return cudaSuccess;
    return Copy(state, to, bytes, from, bytes, kind, stream, [=] { std::memcpy(to, from, bytes); });
  });
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return Call([&](State& state) {
    if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
    if (width == 0 || height == 0) return cudaSuccess;
    return Copy(state, to, (height - 1) * to_pitch + width, from, (height - 1) * from_pitch + width,
                kind, stream, [=] {
                  for (size_t row = 0; row < height; ++row) {
                    std::memcpy(static_cast<char*>(to) + row * to_pitch,
                                static_cast<const char*>(from) + row * from_pitch, width);
                  }
                });
  });
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return Call([&](State& state) {
    if (bytes == 0) return cudaSuccess;
    Heap::Place place;
    if (!state.heap.Locate(memory, bytes, &place) || place != Heap::Place::kDevice) {
      return cudaErrorInvalidValue;
    }
    return state.Add(stream, {.run = [=] { std::memset(memory, value, bytes); }});
  });
}
