#include "cpu/bn_lstm_gradients.h"

#include <algorithm>

#include "core/bf16.h"

namespace bnlstm::cpu {

GradientMemory::GradientMemory(const ops::BnLstmBackward& op, const BnLstmLayout& at, Carver& carve)
    : run_(at.GradientRun()) {
  const bool pairs = at.value.per_word == 2, own_db = at.normalize;
  const int64_t per_word = at.value.per_word, padded = at.units.padded();
  rows_ = run_ * at.B + at.value.row_multiple;
  words_ = RoundUp(run_ * WordsFor(at.value, at.B), at.value.depth_multiple);
  const int64_t gates = at.units.count() * rows_ * 4 * at.units.lanes / per_word;
  da_ = carve.Floats(gates);
  db_ = own_db ? carve.Floats(gates) : da_;
  if (pairs) {
    da_pairs_ = carve.Floats(4 * padded * words_);
    db_pairs_ = own_db ? carve.Floats(4 * padded * words_) : da_pairs_;
    h_columns_ = carve.Floats(at.Rows(at.H) * words_);
    if (!at.tokens) x_columns_ = carve.Floats(at.Rows(at.D) * words_);
  }
  dwh_ = carve.Floats(4 * padded * at.Rows(at.H));
  dwx_ = carve.Floats(4 * padded * at.Rows(at.D));
  sums_ = reinterpret_cast<double*>(carve.Floats(2 * kSums * padded));
  if (op.dx && at.bf16 && at.R == 2) dx_sum_ = carve.Floats(at.T * at.B * at.D);
}

Gradients::Gradients(const ops::BnLstmBackward& op, const Direction& direction,
                     const GradientMemory& memory, const InputRows& x, Range blocks, Team& team)
    : op_(op),
      at_(direction.at),
      direction_(direction),
      memory_(memory),
      x_(x),
      blocks_(blocks),
      team_(team),
      dx_(op.dx ? static_cast<size_t>(memory.rows_ * kMaxVectors * at_.inputs.lanes) : 0) {}

void Gradients::Begin() {
  for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
    const int64_t first = 4 * at_.units.first(b), width = 4 * at_.units.width(b);
    std::fill_n(memory_.dwh_ + first * at_.Rows(at_.H), width * at_.Rows(at_.H), 0.0f);
    std::fill_n(memory_.dwx_ + first * at_.Rows(at_.D), width * at_.Rows(at_.D), 0.0f);
    std::fill_n(Sums(b), kSums * at_.units.width(b), 0.0);
  }
}

void Gradients::GateOperands(int64_t slot, int64_t b, BlockBackward* block) const {
  const int64_t rows = (b * memory_.rows_ + slot * at_.B) * GateRow();
  const int64_t pairs = PairsAt(b) + slot * StepWords() * 4 * at_.units.width(b);
  block->gates_stride = 4 * at_.units.lanes;
  block->da = memory_.da_ + rows;
  block->da_pairs = memory_.da_pairs_ ? memory_.da_pairs_ + pairs : nullptr;
  if (memory_.db_ == memory_.da_) return;
  block->db = memory_.db_ + rows;
  block->db_pairs = memory_.db_pairs_ ? memory_.db_pairs_ + pairs : nullptr;
}

Product Gradients::GatesAsRows(bool inputs, int64_t first_row, int64_t rows) const {
  return {.rows = rows,
          .depth = at_.gates_depth(),
          .left = (inputs ? memory_.db_ : memory_.da_) + first_row * GateRow(),
          .left_row = GateRow(),
          .block_depth = GateRow(),
          .block_stride = memory_.rows_ * GateRow()};
}

void Gradients::Tokens(int64_t s, int64_t slot, int64_t b) const {
  const int64_t width = 4 * at_.units.width(b), stride = 4 * at_.units.lanes;
  const float* const words = memory_.db_ + (b * memory_.rows_ + slot * at_.B) * GateRow();
  const auto* const halves = reinterpret_cast<const uint16_t*>(words);
  float* const dwx = memory_.dwx_ + 4 * at_.units.first(b) * at_.Rows(at_.D);
  for (int64_t n = 0; n < at_.B; ++n) {
    if (op_.valid_rows && s >= direction_.Length(n)) continue;
    const int64_t token = op_.tokens_in.i32()[direction_.Place(s, n) * at_.B + n];
    float* const to = dwx + token * width;
    if (at_.value.per_word == 1) {
      for (int64_t i = 0; i < width; ++i) to[i] += words[n * stride + i];
    } else {
      for (int64_t i = 0; i < width; ++i) to[i] += FromBf16(halves[n * stride + i]);
    }
  }
}

/// Adds left^T dA (or dB) over `steps` steps of a run to the gradients of some weights.
void Gradients::Weights(const float* left, int64_t left_row, int64_t left_depth, int64_t rows,
                        bool inputs, int64_t steps, float* out) {
  // As many rows at a time as half of a second-level cache holds, so that all blocks read them
  // there; whole tiles of any product.
  constexpr int64_t kWords = 131072, kTiles = 48;
  const bool pairs = at_.value.per_word == 2;
  const int64_t used = steps * StepWords(), depth = RoundUp(used, at_.value.depth_multiple);
  const int64_t slab = std::max(kWords / depth / kTiles * kTiles, kTiles);
  for (int64_t row = 0; row < rows; row += slab)
    for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
      const int64_t width = 4 * at_.units.width(b);
      float* right = (inputs ? memory_.db_ : memory_.da_) + b * memory_.rows_ * GateRow();
      if (pairs) {
        right = (inputs ? memory_.db_pairs_ : memory_.da_pairs_) + PairsAt(b);
        if (row == 0) std::fill(right + used * width, right + depth * width, 0.0f);
      }
      at_.value.multiply({.rows = std::min(slab, rows - row),
                          .depth = depth,
                          .left = left + row * left_row,
                          .left_row = left_row,
                          .left_depth = left_depth,
                          .right = right,
                          .right_depth = pairs ? width : 4 * at_.units.lanes,
                          .vectors = 4,
                          .half = at_.units.is_half(b),
                          .c = out + 4 * at_.units.first(b) * at_.Rows(rows) + row * width,
                          .c_row = width,
                          .add = true});
    }
}

/// The member's share of `count` columns of a left operand (rows(step) gives its rows, `stride`
/// words apart), turned: out [count][words], rows paired within each step.
template <class Rows>
void Gradients::PairColumns(int64_t count, int64_t steps, int64_t stride, const Rows& rows,
                            float* out) {
  constexpr int64_t kColumns = 32;  // of a pass: what is read of a row is a cache line
  const Range groups = Share((count + kColumns - 1) / kColumns, team_);
  const int64_t words = memory_.words_, used = steps * StepWords();
  const int64_t depth = RoundUp(used, at_.value.depth_multiple);
  for (int64_t group = groups.begin; group < groups.end; ++group) {
    const int64_t begin = group * kColumns, end = std::min(begin + kColumns, count);
    for (int64_t step = 0; step < steps; ++step) {
      const auto* const values = reinterpret_cast<const uint16_t*>(rows(step));
      for (int64_t i = 0; i < StepWords(); ++i) {
        const uint16_t* const even = values + 2 * i * stride * 2;
        const uint16_t* const odd = 2 * i + 1 < at_.B ? even + stride * 2 : nullptr;
        float* const to = out + step * StepWords() + i;
        for (int64_t k = begin; k < end; ++k) {
          to[k * words] = PairOf(even[k], odd ? odd[k] : uint16_t{0});
        }
      }
    }
    for (int64_t k = begin; k < end; ++k)
      std::fill(out + k * words + used, out + k * words + depth, 0.0f);
  }
}

void Gradients::Recurrent(Range steps, const StepMemory& states) {
  const int64_t count = steps.end - steps.begin;
  if (at_.value.per_word == 1) {
    return Weights(states.h(steps.begin), 1, at_.h_row(), at_.H, false, count, memory_.dwh_);
  }
  PairColumns(
      at_.H, count, at_.h_row(), [&](int64_t i) { return states.h(steps.begin + i); },
      memory_.h_columns_);
  team_.Barrier();
  Weights(memory_.h_columns_, memory_.words_, 1, at_.H, false, count, memory_.dwh_);
}

void Gradients::Input(Range steps) {
  const int64_t count = steps.end - steps.begin;
  if (!at_.tokens && at_.value.per_word == 1) {
    Weights(x_.step(steps.begin), 1, x_.row(), at_.D, true, count, memory_.dwx_);
  } else if (!at_.tokens) {
    PairColumns(
        at_.D, count, x_.row(), [&](int64_t i) { return x_.step(steps.begin + i); },
        memory_.x_columns_);
    team_.Barrier();
    Weights(memory_.x_columns_, memory_.words_, 1, at_.D, true, count, memory_.dwx_);
  }
  if (!op_.dx) return;
  InputGradient(steps);
  team_.Barrier();  // the next run overwrites dB, which all members read
}

/// dx of a run of steps, some of its columns: dB Wx^T, written where x had the row.
void Gradients::InputGradient(Range steps) {
  const Range own = Share(at_.inputs.count(), team_);
  for (int64_t b = own.begin; b < own.end;) {
    const Blocks::Group group = at_.inputs.group_of(b);
    const int64_t end = std::min(group.end, own.end), first = at_.inputs.first(b);
    const int64_t width = at_.inputs.first(end - 1) + at_.inputs.width(end - 1) - first;
    const int64_t valid = std::min(width, at_.D - first);
    Product p = GatesAsRows(true, 0, (steps.end - steps.begin) * at_.B);
    p.right = op_.packed.f32() + at_.wx_transposed(direction_.r, b);
    p.right_depth = at_.inputs.group_width(b);
    p.vectors = static_cast<int>(end - b);
    p.half = group.half;
    p.c = dx_.data();
    p.c_row = width;
    at_.value.multiply(p);
    const bool last = direction_.r + 1 == at_.R;
    for (int64_t s = steps.begin; s < steps.end; ++s)
      for (int64_t n = 0; n < at_.B; ++n) {
        float* const from = dx_.data() + ((s - steps.begin) * at_.B + n) * width;
        const int64_t to = (direction_.Place(s, n) * at_.B + n) * at_.D + first;
        float* const sum = memory_.dx_sum_ ? memory_.dx_sum_ + to
                           : at_.bf16      ? nullptr
                                           : op_.dx.f32() + to;
        if (sum) {
          for (int64_t d = 0; d < valid; ++d)
            from[d] = sum[d] = direction_.r == 0 ? from[d] : sum[d] + from[d];
        }
        for (int64_t d = 0; d < valid && at_.bf16 && last; ++d)
          op_.dx.bf16()[to + d] = ToBf16(from[d]);
      }
    b = end;
  }
}

void Gradients::Finish() const {
  for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
    const int64_t width = at_.units.width(b);
    const auto copy = [&](const Tensor& out, int64_t offset, int row) {
      if (!out) return;
      for (int64_t lane = 0; lane < at_.units.valid(b); ++lane)
        out.f32()[offset + lane] = static_cast<float>(Sums(b)[row * width + lane]);
    };
    const int64_t unit = direction_.r * at_.H + at_.units.first(b);
    for (int g = 0; g < 4; ++g) {
      const int64_t column = (direction_.r * 4 + g) * at_.H + at_.units.first(b);
      copy(op_.db, column, kSumBias + g);
      copy(op_.dgamma_h, column, kSumGammaH + g);
      copy(op_.dgamma_x, column, kSumGammaX + g);
    }
    copy(op_.dgamma_c, unit, kSumGammaC);
    copy(op_.dbeta_c, unit, kSumBetaC);
  }
  FinishWeights(op_.dwh.f32() + direction_.r * at_.H * 4 * at_.H, memory_.dwh_, at_.H,
                at_.Rows(at_.H));
  FinishWeights(op_.dwx.f32() + direction_.r * at_.D * 4 * at_.H, memory_.dwx_, at_.D,
                at_.Rows(at_.D));
}

void Gradients::FinishWeights(float* out, const float* gradients, int64_t rows,
                              int64_t memory_rows) const {
  for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
    const int64_t width = at_.units.width(b), j = at_.units.first(b);
    const float* from = gradients + 4 * j * memory_rows;
    for (int64_t k = 0; k < rows; ++k)
      for (int64_t g = 0; g < 4; ++g, from += width)
        std::copy_n(from, at_.units.valid(b), out + (k * 4 + g) * at_.H + j);
  }
}

}  // namespace bnlstm::cpu
