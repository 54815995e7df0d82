#pragma once

#include <vector>

#include "cpu/bn_lstm_sequence.h"

namespace bnlstm::cpu {

/// What the steps of one direction leave in memory. State k is that after k steps, 0 the initial
/// one; a member writes its own blocks and reads h of all.
///
///   h       left operand of products: values, Rows(B) rows of h_row words for each state
///   c       f32, by state, then block by block [B][width]
///   kept_a  for backward: by step, then block by block [B][4][width], f32 or bf16: the normalised
///           h Wh; with norm 'none' the sum h Wh + x Wx
///   kept_b  likewise the normalised x Wx, unless backward computes it anew (RecomputesInputs)
///
/// Bytes for each (t, b, h), f32 / bf16: kept_a 16 / 8, kept_b 16 / 8, c 4 / 4, h 4 / 2.
class StepMemory {
 public:
  StepMemory() = default;
  /// For `steps` steps from `first` on; or, if nothing is kept, for two states in turn.
  StepMemory(const BnLstmLayout& at, Carver& carve, bool keep, int64_t first, int64_t steps);

  float* h(int64_t state) const { return h_ + Slot(state) * at_->Rows(at_->B) * at_->h_row(); }
  float* c(int64_t state, int64_t b) const {
    return c_ + (keep_ ? Slot(state) : 0) * at_->B * at_->units.padded() +
           at_->B * at_->units.first(b);
  }
  /// Null where there is none: none of the kind, or not of this step.
  uint8_t* kept_a(int64_t s, int64_t b) const { return Kept(kept_a_, s, b); }
  uint8_t* kept_b(int64_t s, int64_t b) const { return Kept(kept_b_, s, b); }
  void set_first(int64_t first) { first_ = first; }

  /// Whether backward computes x Wx again instead of reading what forward kept. Measured with H = 100
  /// (AVX-512, two threads of an AMD EPYC, 2026-11-26): the same time within 3 % up to D = 16 for two thirds of the memory; at
  /// D = 64 5 to 10 % slower, at 128 15 %.
  static bool RecomputesInputs(const BnLstmLayout& at) { return at.tokens || at.D <= 16; }

 private:
  int64_t Slot(int64_t state) const { return keep_ ? state - first_ : state & 1; }
  uint8_t* Kept(uint8_t* base, int64_t s, int64_t b) const {
    if (!base || s < first_ || s >= first_ + steps_) return nullptr;
    const int64_t value =
        (s - first_) * at_->B * 4 * at_->units.padded() + at_->B * 4 * at_->units.first(b);
    return base + value * at_->value_bytes();
  }

  const BnLstmLayout* at_ = nullptr;
  bool keep_ = false;
  int64_t first_ = 0, steps_ = 0;
  float* h_ = nullptr;
  float* c_ = nullptr;
  uint8_t* kept_a_ = nullptr;
  uint8_t* kept_b_ = nullptr;
};

/// One member's part of the forward steps of one direction: what bnLstm runs, and what
/// bnLstmBackward runs again where the steps were not kept.
class ForwardSteps {
 public:
  /// `parameters`: those of all blocks. `inputs`: room for InputFloats. `outputs`: where y, cAll and
  /// measured statistics go; null when run again, with the statistics of the first time.
  ForwardSteps(const Direction& direction, const StepMemory& memory, const InputRows& x,
               const float* parameters, float* inputs, const ops::BnLstm* outputs,
               const Team& team);
  /// Floats of x Wx that are kept at a time: of some steps, or of all where their statistics are to
  /// be measured together.
  static int64_t InputFloats(const BnLstmLayout& at, bool measures_sequence);

  /// Lays the initial states of the member's units.
  void Begin();
  /// Statistics of the inputs over all steps together (the paper's BN-e*).
  void MeasureSequence();
  /// One step of the member's blocks, in order. A barrier must follow.
  void Step(int64_t s);
  /// x Wx of block b at step s, [B][4][width], from the step's position in a run of steps.
  const float* Inputs(int64_t s, int64_t b);
  Range blocks() const { return blocks_; }
  /// The member's views of a step, which its backward may borrow between steps.
  StepRows& rows() { return rows_; }
  StepStatistics& statistics() { return statistics_; }
  StepZoneout& zoneout() { return zoneout_; }

 private:
  void StepBlock(int64_t s, int64_t b);
  /// What a product reads of h beyond the blocks: zero weights do not make a NaN zero.
  void ZeroBeyondUnits(float* h) const;
  void MultiplyInputs(Range steps, int64_t b, float* out) const;
  BlockStatistics Measure(int64_t s, int64_t b, const float* inputs);
  void WriteOutputs(int64_t s, int64_t b, bool y_is_written) const;

  const Direction& direction_;
  const BnLstmLayout& at_;
  const ops::BnLstmOperands& op_;
  const StepMemory& memory_;
  const InputRows& x_;
  const float* const parameters_;
  float* const inputs_;
  const ops::BnLstm* const outputs_;
  const Range blocks_;
  const bool measure_, measure_sequence_;
  const int64_t run_;  // steps whose x Wx are computed together
  StepRows rows_;
  StepStatistics statistics_;
  StepZoneout zoneout_;
  AlignedFloats a_, gate_o_;
  std::vector<Range> have_;  // by own block: the steps that `inputs_` holds
};

/// Copies values from an operand of products (the `from`th and those after it) into a tensor of the
/// model's dtype.
void CopyValues(const BnLstmLayout& at, const float* words, int64_t from, const Tensor& to,
                int64_t offset, int64_t count);

/// The parameters of block b within [kParameters][padded] of a direction.
inline int64_t ParametersAt(const BnLstmLayout& at, int64_t b) {
  return kParameters * at.units.first(b);
}

}  // namespace bnlstm::cpu
