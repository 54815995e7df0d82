#pragma once

#include <cstddef>
#include <cstdint>

#include "emulator/runtime.h"

/// What tests choose of the emulator. The environment sets the same once, at the first call:
///   BNLSTM_EMULATOR_SEED=n  BNLSTM_EMULATOR_MEMORY=bytes  BNLSTM_EMULATOR_LATE_STORES=1
///   BNLSTM_EMULATOR_LOSE_STORES=block  BNLSTM_EMULATOR_MULTIPROCESSORS=n
///   BNLSTM_EMULATOR_FAIL=nth:code[:sticky]
namespace bnlstm::emulator {

/// In which order streams, blocks and threads run. 0: in their natural order. At first 1.
void SetSeed(uint64_t seed);

/// Of the device, what is in use included. At first 1 GiB.
void SetMemory(size_t bytes);
size_t MemoryInUse();
size_t PinnedMemoryInUse();  // of the host

/// Streams, events, graphs and executable graphs that were made and not destroyed.
size_t Handles();

/// Relaxed stores are seen by other blocks after a random number of switches between blocks, and
/// blocks change places in the middle. At first false.
void SetLateStores(bool late);

/// Relaxed stores of this block are never seen, as if it had no place on the device. -1: of none; at
/// first -1.
void LoseStores(int64_t block);

/// At first 4.
void SetMultiprocessors(int count);

/// The nth call from now (1: the next) fails with `error`; `sticky`: and so does every later one, as
/// after cudaErrorIllegalAddress. Every function of runtime.h that can fail counts, each launch, and
/// each of cublas.h; cudaGetLastError, cudaPeekAtLastError and the two that give versions do not.
/// What frees, destroys or ends a capture does so though it fails, but for a sticky error, with which the device's
/// memory is gone at once.
void FailCall(int64_t nth, cudaError_t error, bool sticky = false);

/// No call fails any more, and a sticky error is forgotten.
void ClearFailure();

/// How many have been made in this process.
int64_t Calls();

}  // namespace bnlstm::emulator
