#include "cpu/bn_lstm_steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/bf16.h"

namespace bnlstm::cpu {
namespace {

/// Rows of a product that are worth computing together: fewer, and the weights are read from
/// memory more often than they need be.
constexpr int64_t kRunRows = 64;

int64_t RunSteps(const BnLstmLayout& at, bool whole) {
  if (whole) return at.T;
  return std::clamp<int64_t>((kRunRows + at.B - 1) / at.B, 1, at.T);
}

}  // namespace

void CopyValues(const BnLstmLayout& at, const float* words, int64_t from, const Tensor& to,
                int64_t offset, int64_t count) {
  if (!at.bf16) {
    CopyRow(words + from, count, to.f32() + offset);
  } else if (at.value.per_word == 2) {
    std::copy_n(reinterpret_cast<const uint16_t*>(words) + from, count, to.bf16() + offset);
  } else {
    ToBf16(to.bf16() + offset, words + from, count);
  }
}

StepMemory::StepMemory(const BnLstmLayout& at, Carver& carve, bool keep, int64_t first,
                       int64_t steps)
    : at_(&at), keep_(keep), first_(first), steps_(steps) {
  const int64_t states = keep ? steps + 1 : 2, gates = at.B * 4 * at.units.padded();
  h_ = carve.Floats(states * at.Rows(at.B) * at.h_row());
  c_ = carve.Floats((keep ? states : 1) * at.B * at.units.padded());
  if (!keep) return;
  const size_t bytes = static_cast<size_t>(steps * gates * at.value_bytes());
  kept_a_ = carve.Bytes(bytes);
  if (at.normalize && !RecomputesInputs(at)) kept_b_ = carve.Bytes(bytes);
}

int64_t ForwardSteps::InputFloats(const BnLstmLayout& at, bool measures_sequence) {
  const int64_t rows = at.Rows(RunSteps(at, measures_sequence) * at.B);
  return at.units.count() * rows * 4 * at.units.lanes;
}

ForwardSteps::ForwardSteps(const Direction& direction, const StepMemory& memory, const InputRows& x,
                           const float* parameters, float* inputs, const ops::BnLstm* outputs,
                           const Team& team)
    : direction_(direction),
      at_(direction.at),
      op_(direction.op),
      memory_(memory),
      x_(x),
      parameters_(parameters),
      inputs_(inputs),
      outputs_(outputs),
      blocks_(OwnBlocks(at_, team)),
      measure_(outputs && at_.normalize && !op_.population),
      measure_sequence_(measure_ && at_.sequence),
      run_(RunSteps(at_, measure_sequence_)),
      rows_(direction),
      statistics_(direction),
      zoneout_(direction),
      a_(at_.Rows(at_.B) * 4 * at_.units.lanes),
      gate_o_(at_.B * at_.units.lanes),
      have_(static_cast<size_t>(blocks_.end - blocks_.begin), Range{0, 0}) {}

void ForwardSteps::Begin() {
  const uint32_t attempt = op_.attempt ? static_cast<uint32_t>(op_.attempt.i32()[0]) : 0;
  const Philox random{op_.seed, op_.stream, attempt};
  const int64_t row = at_.h_row() * at_.value.per_word;  // values from row to row
  float* const words = memory_.h(0);
  for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
    const int64_t width = at_.units.width(b), first = at_.units.first(b);
    float* const c = memory_.c(0, b);
    for (int64_t n = 0; n < at_.B; ++n)
      for (int64_t lane = 0; lane < width; ++lane) {
        const int64_t j = first + lane;
        const bool real = j < at_.H;
        float h = real ? direction_.Initial(op_.h0, n, j) : 0.0f;
        if (real && op_.noise != 0)
          h += op_.noise * random.Normal(static_cast<uint64_t>(direction_.State(n, j)));
        c[n * width + lane] = real ? direction_.Initial(op_.c0, n, j) : 0.0f;
        const int64_t to = n * row + j;
        if (!at_.bf16) {
          words[to] = h;
        } else if (at_.value.per_word == 1) {
          words[to] = FromBf16(ToBf16(h));
        } else {
          reinterpret_cast<uint16_t*>(words)[to] = ToBf16(h);
        }
      }
  }
  ZeroBeyondUnits(words);
}

void ForwardSteps::ZeroBeyondUnits(float* h) const {
  const int64_t stored = at_.units.padded() / at_.value.per_word;
  const bool owns_last = blocks_.begin < blocks_.end && blocks_.end == at_.units.count();
  if (!owns_last || stored >= at_.h_depth()) return;
  for (int64_t n = 0; n < at_.B; ++n)
    std::fill(h + n * at_.h_row() + stored, h + n * at_.h_row() + at_.h_depth(), 0.0f);
}

void ForwardSteps::MultiplyInputs(Range steps, int64_t b, float* out) const {
  const int64_t width = at_.units.width(b), rows = (steps.end - steps.begin) * at_.B;
  const float* const w = op_.packed.f32() + at_.wx(direction_.r, b);
  if (!at_.tokens) {
    at_.value.multiply({.rows = rows,
                        .depth = at_.x_depth(),
                        .left = x_.step(steps.begin),
                        .left_row = x_.row(),
                        .right = w,
                        .right_depth = 4 * width,
                        .vectors = 4,
                        .half = at_.units.is_half(b),
                        .c = out,
                        .c_row = 4 * width});
    return;
  }
  for (int64_t s = steps.begin; s < steps.end; ++s)
    for (int64_t n = 0; n < at_.B; ++n, out += 4 * width) {
      const int64_t token = op_.tokens_in.i32()[direction_.Place(s, n) * at_.B + n];
      std::copy_n(w + token * 4 * width, 4 * width, out);
    }
}

const float* ForwardSteps::Inputs(int64_t s, int64_t b) {
  Range& have = have_[static_cast<size_t>(b - blocks_.begin)];
  float* const out = inputs_ + b * at_.Rows(run_ * at_.B) * 4 * at_.units.lanes;
  if (s < have.begin || s >= have.end) {
    // Runs end where they would if all steps were computed: the same products whatever is asked.
    have = {s / run_ * run_, std::min(s / run_ * run_ + run_, at_.T)};
    MultiplyInputs(have, b, out);
  }
  return out + (s - have.begin) * at_.B * 4 * at_.units.width(b);
}

void ForwardSteps::MeasureSequence() {
  if (!measure_sequence_) return;
  const double count = static_cast<double>(std::max<int64_t>(direction_.RunningRows(), 1));
  const ops::BnLstmStatistics& stats = op_.stats;
  for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
    const int64_t width = at_.units.width(b);
    const float* const inputs = Inputs(0, b);
    const auto each_row = [&](auto visit) {
      for (int64_t s = 0; s < at_.T; ++s)
        for (int64_t n = 0; n < at_.B; ++n)
          if (s < direction_.Length(n)) visit(inputs + (s * at_.B + n) * 4 * width);
    };
    std::vector<double> mean(static_cast<size_t>(4 * width)), var(mean.size());
    each_row([&](const float* row) {
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += static_cast<double>(row[i]);
    });
    for (double& sum : mean) sum /= count;
    each_row([&](const float* row) {
      for (size_t i = 0; i < mean.size(); ++i) {
        const double d = static_cast<double>(row[i]) - mean[i];
        var[i] += d * d;
      }
    });
    for (int64_t g = 0; g < 4; ++g)
      for (int64_t lane = 0; lane < at_.units.valid(b); ++lane) {
        const int64_t to =
            direction_.GateStatistic(stats.input_mean, 0, g, at_.units.first(b) + lane);
        const auto from = static_cast<size_t>(g * width + lane);
        stats.input_mean.f32()[to] = static_cast<float>(mean[from]);
        stats.input_var.f32()[to] = static_cast<float>(var[from] / count);
      }
  }
}

void ForwardSteps::Step(int64_t s) {
  for (int64_t b = blocks_.begin; b < blocks_.end; ++b) StepBlock(s, b);
  ZeroBeyondUnits(memory_.h(s + 1));
}

BlockStatistics ForwardSteps::Measure(int64_t s, int64_t b, const float* inputs) {
  const bool half = at_.units.is_half(b);
  const ops::BnLstmStatistics& stats = op_.stats;
  at_.kernels.measure(
      {rows_.At(s), a_.data(), 4, half, statistics_.Row(kMeanH, b), statistics_.Row(kVarH, b)});
  statistics_.Save(stats.recurrent_mean, s, b, kMeanH);
  statistics_.Save(stats.recurrent_var, s, b, kVarH);
  if (measure_sequence_) {
    statistics_.LoadInputs(s, b);
  } else {
    at_.kernels.measure(
        {rows_.At(s), inputs, 4, half, statistics_.Row(kMeanX, b), statistics_.Row(kVarX, b)});
    statistics_.Save(stats.input_mean, s, b, kMeanX);
    statistics_.Save(stats.input_var, s, b, kVarX);
  }
  return {statistics_.Row(kMeanH, b), 0};
}

void ForwardSteps::StepBlock(int64_t s, int64_t b) {
  const int64_t width = at_.units.width(b);
  const float* const inputs = Inputs(s, b);
  float* const a = a_.data();
  at_.value.multiply({.rows = at_.B,
                      .depth = at_.h_depth(),
                      .left = memory_.h(s),
                      .left_row = at_.h_row(),
                      .right = op_.packed.f32() + at_.wh(direction_.r, b),
                      .right_depth = 4 * width,
                      .vectors = 4,
                      .half = at_.units.is_half(b),
                      .c = a,
                      .c_row = 4 * width});
  const int64_t row = at_.h_row() * at_.value.per_word;
  const int64_t value = at_.units.first(b) * (at_.value.per_word == 2 ? 2 : 4);  // in bytes
  BlockForward u;
  u.normalize = at_.normalize;
  u.measure_cell = measure_;
  u.half = at_.units.is_half(b);
  u.eps = op_.eps;
  u.rows = rows_.At(s);
  u.parameters = parameters_ + ParametersAt(at_, b);
  if (at_.normalize) u.statistics = measure_ ? Measure(s, b, inputs) : statistics_.Load(s, b);
  u.cell_statistics = statistics_.Row(kMeanC, b);
  u.a = a;
  u.b = inputs;
  zoneout_.Load(s, b, &u.zoneout_c, &u.zoneout_h);
  u.c_prev = memory_.c(s, b);
  u.c = memory_.c(s + 1, b);
  u.h_prev = reinterpret_cast<const uint8_t*>(memory_.h(s)) + value;
  u.h = reinterpret_cast<uint8_t*>(memory_.h(s + 1)) + value;
  u.h_stride = row;
  const bool whole = at_.units.valid(b) == width && direction_.InStep();
  if (outputs_ && outputs_->y && whole) {
    u.y = outputs_->y.u8() + direction_.Output(s, 0, at_.units.first(b)) * at_.value_bytes();
    u.y_stride = at_.R * at_.H;
  }
  u.kept_a = memory_.kept_a(s, b);
  u.kept_b = memory_.kept_b(s, b);
  u.gate_o = gate_o_.data();
  at_.value.forward(u);
  if (measure_) {
    statistics_.Save(op_.stats.cell_mean, s, b, kMeanC);
    statistics_.Save(op_.stats.cell_var, s, b, kVarC);
  }
  if (outputs_) WriteOutputs(s, b, u.y != nullptr);
}

void ForwardSteps::WriteOutputs(int64_t s, int64_t b, bool y_is_written) const {
  const int64_t width = at_.units.width(b), valid = at_.units.valid(b), j = at_.units.first(b);
  const int64_t row = at_.h_row() * at_.value.per_word;
  const float* const h = memory_.h(s + 1);
  const float* const c = memory_.c(s + 1, b);
  for (int64_t n = 0; n < at_.B && outputs_->y && !y_is_written; ++n)
    CopyValues(at_, h, n * row + j, outputs_->y, direction_.Output(s, n, j), valid);
  for (int64_t n = 0; n < at_.B && outputs_->c_all; ++n)
    CopyRow(c + n * width, valid, outputs_->c_all.f32() + direction_.Output(s, n, j));
}

}  // namespace bnlstm::cpu
