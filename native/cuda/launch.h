#pragma once

#include <tuple>

#include "cuda/context.h"
#include "cuda/device/primitives.h"

namespace bnlstm::cuda {

/// How many blocks of how many threads, and bytes of dynamic shared memory for each block.
struct Grid {
  int64_t blocks = 0;
  int threads = 0;
  size_t shared_bytes = 0;
};

#ifdef BNLSTM_EMULATOR
template <class... Parameters, class... Arguments>
cudaError_t LaunchEmulated(const Context& context, const Grid& grid, emulator::Blocks promise,
                           void (*kernel)(Parameters...), const Arguments&... arguments) {
  return emulator::Launch(
      context.stream, grid.blocks, grid.threads, grid.shared_bytes,
      [kernel, values = std::tuple<Parameters...>(arguments...)] { std::apply(kernel, values); },
      promise);
}
#endif

/// Enqueues a kernel; the arguments are copied. Nothing is done where there are no blocks.
template <class... Parameters, class... Arguments>
void Launch(const Context& context, const Grid& grid, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  if (grid.blocks == 0) return;
#ifdef BNLSTM_EMULATOR
  Check(LaunchEmulated(context, grid, emulator::Blocks::kAny, kernel, arguments...), "launch");
#else
  std::tuple<Parameters...> values(arguments...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))...};
        Check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel),
                               dim3(static_cast<unsigned>(grid.blocks)),
                               dim3(static_cast<unsigned>(grid.threads)), pointers,
                               grid.shared_bytes, context.stream),
              "launch");
      },
      values);
#endif
}

/// The same for kernels whose blocks wait for one another: all of them run at the same time, or the
/// launch fails. They may use as much shared memory as the device has for a block.
template <class... Parameters, class... Arguments>
void LaunchTogether(const Context& context, const Grid& grid, void (*kernel)(Parameters...),
                    const Arguments&... arguments) {
#ifdef BNLSTM_EMULATOR
  Check(LaunchEmulated(context, grid, emulator::Blocks::kTogether, kernel, arguments...),
        "cooperative launch");
#else
  const void* const function = reinterpret_cast<const void*>(kernel);
  // The limit is the kernel's, of all engines of the process: always the same, and never less than a
  // graph needs that is replayed later.
  Check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(context.device->shared_bytes)),
        "cudaFuncSetAttribute");
  std::tuple<Parameters...> values(arguments...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))...};
        Check(cudaLaunchCooperativeKernel(function, dim3(static_cast<unsigned>(grid.blocks)),
                                          dim3(static_cast<unsigned>(grid.threads)), pointers,
                                          grid.shared_bytes, context.stream),
              "cooperative launch");
      },
      values);
#endif
}

template <class Body>
__global__ void ForEachKernel(int64_t count, Body body) {
  const int64_t stride = device::BlockCount() * device::ThreadCount();
  for (int64_t i = device::BlockIndex() * device::ThreadCount() + device::ThreadIndex(); i < count;
       i += stride)
    body(i);
}

/// Calls body(i) on the device for each i below `count`, in any order: `[=] __device__(int64_t i)`.
template <class Body>
void ForEach(const Context& context, int64_t count, const Body& body) {
  constexpr int kThreads = 256, kBlocksPerMultiprocessor = 8;
  const int64_t needed = (count + kThreads - 1) / kThreads;
  const int64_t most = int64_t{context.device->multiprocessors} * kBlocksPerMultiprocessor;
  Launch(context, {needed < most ? needed : most, kThreads}, ForEachKernel<Body>, count, body);
}

template <class Body>
__global__ void ForRowsKernel(int64_t columns, Body body) {
  const int64_t row = device::BlockIndex();
  for (int64_t i = device::ThreadIndex(); i < columns; i += device::ThreadCount()) body(row, i);
}

/// Calls body(row, column) for each place of a matrix, a block for each row: where a row lies is found
/// once for many columns.
template <class Body>
void ForRows(const Context& context, int64_t rows, int64_t columns, const Body& body) {
  constexpr int kMostThreads = 256;
  const int64_t warps = (columns + device::kWarp - 1) / device::kWarp;
  const int threads =
      warps < kMostThreads / device::kWarp ? static_cast<int>(warps) * device::kWarp : kMostThreads;
  Launch(context, {columns > 0 ? rows : 0, threads}, ForRowsKernel<Body>, columns, body);
}

}  // namespace bnlstm::cuda
