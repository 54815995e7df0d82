#pragma once

#include <vector>

#include "cpu/bn_lstm_steps.h"

namespace bnlstm::cpu {

/// Memory for the gradients of the gate products over a run of steps, and for the sums over all
/// steps, of one direction. In words:
///
///   da, db    left operands of dh = dA Wh^T and dx = dB Wx^T: values, by block [rows][4][lanes],
///             step after step of the run. Where a word is one value they are the right operands
///             of dWh = h^T dA and dWx = x^T dB as well
///   pairs     those, where a word is two values: by block [rows / 2][4][width], each step's rows
///             paired for themselves
///   columns   h^T and x^T for the same, [H or D][rows / 2]
///   dwh, dwx  by block [H or D][4][width]
/// With norm 'none' dB is dA.
class GradientMemory {
 public:
  GradientMemory() = default;
  GradientMemory(const ops::BnLstmBackward& op, const BnLstmLayout& at, Carver& carve);
  /// Steps of a run.
  int64_t run() const { return run_; }

 private:
  friend class Gradients;
  int64_t run_ = 0, rows_ = 0, words_ = 0;  // rows of da; words of depth of the pairs
  float* da_ = nullptr;
  float* db_ = nullptr;
  float* da_pairs_ = nullptr;
  float* db_pairs_ = nullptr;
  float* h_columns_ = nullptr;
  float* x_columns_ = nullptr;
  float* dwh_ = nullptr;
  float* dwx_ = nullptr;
  double* sums_ = nullptr;
  float* dx_sum_ = nullptr;  // [T][B][D] f32, where two directions add to a bf16 dx
};

/// One member's part of the gradients of weights and inputs.
class Gradients {
 public:
  Gradients(const ops::BnLstmBackward& op, const Direction& direction, const GradientMemory& memory,
            const InputRows& x, Range blocks, Team& team);

  void Begin();
  double* Sums(int64_t b) const { return memory_.sums_ + kSums * at_.units.first(b); }
  /// Where the backward of block b leaves its operands, at a step of the run.
  void GateOperands(int64_t slot, int64_t b, BlockBackward* block) const;
  /// dA (or dB) of rows of the run as the left operand of a product.
  Product GatesAsRows(bool inputs, int64_t first_row, int64_t rows) const;
  /// Adds to dWx the rows that tokens chose.
  void Tokens(int64_t s, int64_t slot, int64_t b) const;
  /// Adds a run of steps to dWh. All members call it at once, as the next.
  void Recurrent(Range steps, const StepMemory& states);
  /// Adds a run of steps to dWx, and writes dx.
  void Input(Range steps);
  /// Writes the sums and the weights' gradients of the member's units.
  void Finish() const;

 private:
  int64_t GateRow() const { return 4 * at_.units.lanes / at_.value.per_word; }
  int64_t PairsAt(int64_t b) const { return 4 * at_.units.first(b) * memory_.words_; }
  int64_t StepWords() const { return WordsFor(at_.value, at_.B); }
  void Weights(const float* left, int64_t left_row, int64_t left_depth, int64_t rows, bool inputs,
               int64_t steps, float* out);
  template <class Rows>
  void PairColumns(int64_t count, int64_t steps, int64_t stride, const Rows& rows, float* out);
  void InputGradient(Range steps);
  void FinishWeights(float* out, const float* gradients, int64_t rows, int64_t memory_rows) const;

  const ops::BnLstmBackward& op_;
  const BnLstmLayout& at_;
  const Direction& direction_;
  const GradientMemory& memory_;
  const InputRows& x_;
  const Range blocks_;
  Team& team_;
  std::vector<float> dx_;
};

}  // namespace bnlstm::cpu
