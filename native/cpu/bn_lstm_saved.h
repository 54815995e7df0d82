#pragma once

#include <algorithm>

#include "cpu/bn_lstm_steps.h"

namespace bnlstm::cpu {

/// The `saved` blob of one direction: the memory of all steps; or, with `recompute` steps to a
/// chunk, h and c before each chunk, from which backward runs the chunk's steps again. Chunks are
/// made of whole gradient runs, so that the sums, and their bits, are those without `recompute`.
class SavedSteps {
 public:
  SavedSteps(const ops::BnLstmShape& op, const BnLstmLayout& at, int64_t r, uint8_t* saved)
      : at_(at), chunk_(ChunkSteps(op, at)) {
    Carver carve(saved ? saved + static_cast<size_t>(r) * DirectionBytes(op, at) : nullptr);
    if (recomputes()) {
      h_ = carve.Floats(chunks() * HiddenWords());
      c_ = carve.Floats(chunks() * CellFloats());
    } else {
      steps_ = StepMemory(at, carve, true, 0, at.T);
    }
    bytes_ = carve.bytes();
  }

  static size_t Bytes(const ops::BnLstmShape& op, const BnLstmLayout& at) {
    return static_cast<size_t>(at.R) * DirectionBytes(op, at);
  }
  bool recomputes() const { return chunk_ < at_.T; }
  /// Steps of a chunk: all of them unless recomputes().
  int64_t chunk() const { return chunk_; }
  const StepMemory& steps() const { return steps_; }

  /// Forward, before step s: keeps h and c of a member's blocks, if a chunk begins.
  void KeepBorder(const StepMemory& memory, int64_t s, Range blocks, const Team& team) const {
    if (!recomputes() || s % chunk_ != 0) return;
    for (int64_t b = blocks.begin; b < blocks.end; ++b)
      std::copy_n(memory.c(s, b), at_.B * at_.units.width(b), Cell(s, b));
    const Range words = Share(HiddenWords(), team);
    std::copy(memory.h(s) + words.begin, memory.h(s) + words.end, Hidden(s) + words.begin);
  }
  /// Backward, before the steps from s on are run again: the reverse.
  void RestoreBorder(const StepMemory& memory, int64_t s, Range blocks, const Team& team) const {
    for (int64_t b = blocks.begin; b < blocks.end; ++b)
      std::copy_n(Cell(s, b), at_.B * at_.units.width(b), memory.c(s, b));
    const Range words = Share(HiddenWords(), team);
    std::copy(Hidden(s) + words.begin, Hidden(s) + words.end, memory.h(s) + words.begin);
  }

 private:
  static int64_t ChunkSteps(const ops::BnLstmShape& op, const BnLstmLayout& at) {
    if (op.recompute == 0) return at.T;
    return std::min(RoundUp(std::min(op.recompute, at.T), at.GradientRun()), at.T);
  }
  static size_t DirectionBytes(const ops::BnLstmShape& op, const BnLstmLayout& at) {
    return SavedSteps(op, at, 0, nullptr).bytes_;
  }
  int64_t chunks() const { return (at_.T + chunk_ - 1) / chunk_; }
  int64_t HiddenWords() const { return at_.Rows(at_.B) * at_.h_row(); }
  int64_t CellFloats() const { return at_.B * at_.units.padded(); }
  float* Hidden(int64_t s) const { return h_ + s / chunk_ * HiddenWords(); }
  float* Cell(int64_t s, int64_t b) const {
    return c_ + s / chunk_ * CellFloats() + at_.B * at_.units.first(b);
  }

  const BnLstmLayout& at_;
  const int64_t chunk_;
  StepMemory steps_;
  float* h_ = nullptr;
  float* c_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace bnlstm::cpu
