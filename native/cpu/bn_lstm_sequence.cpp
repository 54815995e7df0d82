#include "cpu/bn_lstm_sequence.h"

#include <algorithm>
#include <cstring>

#include "core/bf16.h"

namespace bnlstm::cpu {

void Direction::Parameters(int64_t b, float* out) const {
  const int64_t width = at.units.width(b), valid = at.units.valid(b), j = at.units.first(b);
  std::fill(out, out + kParameters * width, 0.0f);
  const auto copy = [&](const Tensor& from, int64_t offset, int row) {
    if (from) std::copy_n(from.f32() + offset, valid, out + row * width);
  };
  for (int g = 0; g < 4; ++g) {
    const int64_t column = (r * 4 + g) * at.H + j;
    copy(op.gamma_h, column, kGammaH + g);
    copy(op.gamma_x, column, kGammaX + g);
    copy(op.b, column, kBias + g);
  }
  copy(op.gamma_c, r * at.H + j, kGammaC);
  copy(op.beta_c, r * at.H + j, kBetaC);
}

// --- x -------------------------------------------------------------------------------------------
bool InputRows::Direct(const ops::BnLstmOperands& op, const BnLstmLayout& at, int64_t r) {
  const bool as_it_lies = r == 0 && !(op.lengths && op.valid_rows);
  const bool in_words = at.bf16 ? at.value.per_word == 2 && at.Words(at.D) * 2 == at.D : true;
  // A product may read rows up to the next multiple: they must be there.
  return as_it_lies && in_words && at.B % at.value.row_multiple == 0;
}

int64_t InputRows::ScratchWords(const ops::BnLstmOperands& op, const BnLstmLayout& at) {
  if (at.tokens || (at.R == 1 && Direct(op, at, 0))) return 0;
  return (at.T * at.B + at.value.row_multiple) * at.x_depth();
}

InputRows::InputRows(const Direction& direction) : direction_(direction) {
  row_ = direction.at.x_depth();
  if (!direction.at.tokens && Direct(direction.op, direction.at, direction.r)) {
    words_ = direction.op.x.f32();
  }
}

void InputRows::Gather(Range steps, float* scratch) {
  const ops::BnLstmOperands& op = direction_.op;
  const BnLstmLayout& at = direction_.at;
  if (at.tokens || Direct(op, at, direction_.r)) return;
  words_ = scratch;
  for (int64_t s = steps.begin; s < steps.end; ++s)
    for (int64_t n = 0; n < at.B; ++n) {
      float* const to = scratch + (s * at.B + n) * row_;
      std::fill(to, to + row_, 0.0f);
      if (op.valid_rows && s >= direction_.Length(n)) continue;
      const int64_t from = (direction_.Place(s, n) * at.B + n) * at.D;
      if (!at.bf16) {
        std::copy_n(op.x.f32() + from, at.D, to);
      } else if (at.value.per_word == 2) {
        std::memcpy(to, op.x.bf16() + from, static_cast<size_t>(at.D) * sizeof(uint16_t));
      } else {
        FromBf16(to, op.x.bf16() + from, at.D);
      }
    }
}

// --- Rows ----------------------------------------------------------------------------------------
StepRows::StepRows(const Direction& direction) : direction_(direction) {
  const int64_t B = direction.at.B;
  rows_ = {B, nullptr, nullptr, 1.0f / static_cast<float>(B)};
  if (direction.op.lengths) running_.resize(static_cast<size_t>(B));
}

const Rows& StepRows::At(int64_t s) {
  if (!direction_.op.lengths) return rows_;
  int64_t running = 0;
  for (int64_t n = 0; n < direction_.at.B; ++n) {
    running_[n] = s < direction_.Length(n);
    running += running_[n];
  }
  rows_.running = running_.data();
  if (direction_.op.valid_rows) {
    rows_.counted = running_.data();
    rows_.inverse_count = running > 0 ? 1.0f / static_cast<float>(running) : 0.0f;
  }
  return rows_;
}

// --- Statistics ----------------------------------------------------------------------------------
StepStatistics::StepStatistics(const Direction& direction) : direction_(direction) {
  const Tensor& first = direction.op.first_step;
  if (direction.op.population && first) {
    const int32_t* const steps = first.i32();
    Assert(std::all_of(steps, steps + direction.at.B, [](int32_t k) { return k >= 0; }),
           "firstStep is negative");
    by_row_ = std::any_of(steps, steps + direction.at.B, [&](int32_t k) { return k != steps[0]; });
  }
  values_.assign(kStatistics * direction.at.units.lanes * (by_row_ ? direction.at.B : 1), 0.0f);
}

void StepStatistics::Copy(const Tensor& table, int64_t offset, int64_t b, float* to) const {
  CopyRow(table.f32() + offset, direction_.at.units.valid(b), to);
}

void StepStatistics::Save(const Tensor& table, int64_t s, int64_t b, int statistic) {
  const int64_t j = direction_.at.units.first(b), valid = direction_.at.units.valid(b);
  if (statistic >= kMeanC) {
    CopyRow(Row(statistic, b), valid, table.f32() + direction_.CellStatistic(s, j));
    return;
  }
  for (int g = 0; g < 4; ++g)
    CopyRow(Row(statistic + g, b), valid, table.f32() + direction_.GateStatistic(table, s, g, j));
}

void StepStatistics::Gates(int64_t row, int64_t s, int64_t b, int mean, int var) {
  const ops::BnLstmStatistics& stats = direction_.op.stats;
  const bool recurrent = mean == kMeanH;
  const Tensor& means = recurrent ? stats.recurrent_mean : stats.input_mean;
  const Tensor& vars = recurrent ? stats.recurrent_var : stats.input_var;
  const int64_t width = Width(b), j = direction_.at.units.first(b);
  const int64_t at = std::min(s, means.shape[1] - 1);
  float* const to = values_.data() + row * kStatistics * width;
  for (int g = 0; g < 4; ++g) {
    const int64_t offset = direction_.GateStatistic(means, at, g, j);
    Copy(means, offset, b, to + (mean + g) * width);
    Copy(vars, offset, b, to + (var + g) * width);
  }
}

void StepStatistics::All(int64_t row, int64_t s, int64_t b) {
  Gates(row, s, b, kMeanH, kVarH);
  Gates(row, s, b, kMeanX, kVarX);
  const ops::BnLstmStatistics& stats = direction_.op.stats;
  const int64_t width = Width(b);
  const int64_t at = std::min(s, stats.cell_mean.shape[1] - 1);
  const int64_t offset = direction_.CellStatistic(at, direction_.at.units.first(b));
  float* const to = values_.data() + row * kStatistics * width;
  Copy(stats.cell_mean, offset, b, to + kMeanC * width);
  Copy(stats.cell_var, offset, b, to + kVarC * width);
}

void StepStatistics::LoadInputs(int64_t s, int64_t b) {
  const int64_t width = Width(b);
  for (const int row : {kMeanX, kVarX}) std::fill_n(Row(row, b), 4 * width, 0.0f);
  Gates(0, s, b, kMeanX, kVarX);
}

BlockStatistics StepStatistics::Load(int64_t s, int64_t b) {
  const Tensor& first = direction_.op.first_step;
  const bool shifted = direction_.op.population && first;
  // Lanes beyond the hidden size: what another block has left there could be anything.
  if (direction_.at.units.valid(b) < Width(b)) std::fill(values_.begin(), values_.end(), 0.0f);
  if (!by_row_) {
    All(0, s + (shifted ? first.i32()[0] : 0), b);
    return {values_.data(), 0};
  }
  for (int64_t n = 0; n < direction_.at.B; ++n) All(n, s + first.i32()[n], b);
  return {values_.data(), kStatistics * Width(b)};
}

// --- Zoneout -------------------------------------------------------------------------------------
StepZoneout::StepZoneout(const Direction& direction) : direction_(direction) {
  if (!direction.op.sample_zoneout) return;
  const int64_t count = direction.at.B * direction.at.units.lanes;
  if (direction.op.zoneout_c != 0) keep_c_.assign(count, 0);
  if (direction.op.zoneout_h != 0) keep_h_.assign(count, 0);
}

void StepZoneout::Draw(float rate, uint32_t stream, int64_t s, int64_t b,
                       std::vector<int32_t>& keep, Zoneout* zoneout) {
  const Direction& d = direction_;
  *zoneout = {};
  if (keep.empty()) {
    zoneout->rate = rate;
    return;
  }
  const Philox random{d.op.seed, d.op.stream + stream,
                      static_cast<uint32_t>(d.op.attempt.i32()[0])};
  const int64_t width = d.at.units.width(b), j = d.at.units.first(b);
  for (int64_t n = 0; n < d.at.B; ++n) {
    const int64_t index = s * d.at.B * d.at.R * d.at.H + d.State(n, j);
    for (int64_t lane = 0; lane < d.at.units.valid(b); ++lane)
      keep[n * width + lane] = random.Uniform(static_cast<uint64_t>(index + lane)) < rate ? -1 : 0;
  }
  zoneout->keep = keep.data();
}

void StepZoneout::Load(int64_t s, int64_t b, Zoneout* c, Zoneout* h) {
  Draw(direction_.op.zoneout_c, 1, s, b, keep_c_, c);
  Draw(direction_.op.zoneout_h, 2, s, b, keep_h_, h);
}

}  // namespace bnlstm::cpu
