#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/stream.h"
#include "cuda/engine.h"
#include "emulator_fixture.h"
#include "random.h"
#include "stream_fixture.h"

namespace bnlstm {

/// A program over arrays of its own, whose numbers f32 holds exactly. Of an input x [count]:
///
///     sum = x + w            w [count] is written beforehand
///     product = x v          x as rows of kWidth, v [kWidth][kWidth]
///     total = total + x      an array, which the next run sees
///     norm = |sum|           by way of the engine's workspace
///
/// One thread submits, and in that order.
class Workload {
 public:
  static constexpr int64_t kWidth = 8;

  /// A run: its memory, and what must be there when it has ended.
  struct Pending {
    Staging staging;
    std::vector<float> sum, product, total, norm;
  };

  /// `count`: a multiple of kWidth.
  Workload(Stream& stream, int64_t count, uint32_t seed);
  Workload(const Workload&) = delete;

  Pending Submit(Ends& ends);
  Pending Profile(Ends& ends);
  /// `runs` of them are timed.
  Pending Time(Ends& ends, int runs);
  /// Another w, for the runs that are submitted from now on.
  Staging WriteW(Ends& ends);
  void Check(const Pending& pending) const;
  void Dispose();
  std::shared_ptr<Program> TakeProgram() { return std::move(program_); }

 private:
  std::shared_ptr<Array> NewArray(const std::vector<float>& values);
  ProgramDescription Describe() const;
  std::vector<float> Integers(int64_t count);
  Pending Next(size_t more_bytes, int runs);
  std::vector<float> Output(const Pending& pending, size_t index) const;

  Stream& stream_;
  const int64_t count_;
  Random random_;
  std::vector<float> w_, v_, total_;
  std::shared_ptr<Array> w_array_, v_array_, total_array_, state_array_;
  std::shared_ptr<Program> program_;
};

/// A job that ends when it is told to, or cancelled: what is queued behind it starts together.
class Gate {
 public:
  void Queue(Stream& stream, Ends& ends) {
    stream.Call(
        [open = open_](const RunContext& context) {
          while (!*open && !*context.cancelled) std::this_thread::yield();
        },
        ends.Next());
  }
  void Open() { *open_ = true; }

 private:
  std::shared_ptr<std::atomic<bool>> open_ = std::make_shared<std::atomic<bool>>(false);
};

/// Waits for `count` jobs, which must all have ended well.
inline void CheckEnds(Ends& ends, size_t count) {
  const std::vector<std::string> codes = ends.Codes(count);
  for (size_t i = 0; i < codes.size(); ++i) {
    if (!codes[i].empty()) check::Fail(__FILE__, __LINE__, "job ", i, ": ", ends.Message(i));
  }
}

/// What exists of the emulated device and of the core, in one line that can be compared.
inline std::string Existing() {
  return std::to_string(emulator::MemoryInUse()) + " bytes of the device, " +
         std::to_string(emulator::PinnedMemoryInUse()) + " of the host, " +
         std::to_string(emulator::Handles()) + " handles, " + std::to_string(Alive::streams) +
         " streams, " + std::to_string(Alive::arrays) + " arrays of all " +
         std::to_string(Alive::bytes) + " bytes";
}

}  // namespace bnlstm
