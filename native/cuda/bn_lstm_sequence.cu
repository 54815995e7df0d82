#include "core/error.h"
#include "core/philox.h"
#include "cuda/blas.h"
#include "cuda/bn_lstm_persistent.h"
#include "cuda/bn_lstm_sequence.h"
#include "cuda/device/elements.h"
#include "cuda/device/forward_step.h"
#include "cuda/turn.h"

namespace bnlstm::cuda {
namespace {

constexpr int kThreads = kWarpsOfBlock * device::kWarp;

/// A warp measures one column of x Wx at one step.
__global__ void MeasureSteps(StepShape shape, float* p, int64_t steps) {
  const int64_t item = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  const int64_t columns = 4 * shape.hidden;
  if (item >= columns * steps) return;
  const int64_t slot = item / columns, column = item % columns, s = shape.step + slot;
  const Rows<0> rows(shape.batch, shape.padded, shape.lengths, s, shape.ended_count);
  Column<0> x[1];
  x[0].Place(p + column * shape.stride + slot * shape.padded);
  float mean[1], var[1];
  Measure(rows, x, mean, var);
  if (device::Lane() != 0) return;
  shape.tables.input_mean[s * columns + column] = mean[0];
  shape.tables.input_var[s * columns + column] = var[0];
}

/// A warp measures one column of x Wx over the running rows of all steps, which lie in runs of `run`
/// steps.
__global__ void MeasureAll(StepShape shape, const float* p, int64_t steps, int64_t run) {
  const int64_t column = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  const int64_t columns = 4 * shape.hidden;
  if (column >= columns) return;
  const auto each = [&](const auto& body) {
    for (int64_t s = 0; s < steps; ++s) {
      const float* const from =
          p + s / run * columns * shape.stride + column * shape.stride + s % run * shape.padded;
      for (int64_t n = device::Lane(); n < shape.batch; n += device::kWarp) {
        if (!shape.lengths || s < shape.lengths[n]) body(static_cast<double>(from[n]));
      }
    }
  };
  double sum = 0, count = 0, squares = 0;
  each([&](double x) {
    sum += x;
    count += 1;
  });
  count = device::WarpSum(count);
  count = count > 0 ? count : 1;
  const double mean = device::WarpSum(sum) / count;
  each([&](double x) { squares += (x - mean) * (x - mean); });
  squares = device::WarpSum(squares);
  if (device::Lane() != 0) return;
  shape.tables.input_mean[column] = static_cast<float>(mean);
  shape.tables.input_var[column] = static_cast<float>(squares / count);
}

/// A warp does one column at kSteps steps of a run of `steps`: what it reads is on its way for all of
/// them at once. With kSteps > 1 the same rows enter the statistics of all steps.
template <int kRows, int kSteps, class Value>
__global__ void TermsKernel(StepShape shape, bool measure, float* p, Value* kept, int64_t steps) {
  const auto groups = static_cast<uint32_t>((steps + kSteps - 1) / kSteps);
  const auto item = static_cast<uint32_t>(device::BlockIndex() * kWarpsOfBlock + device::Warp());
  const int64_t columns = 4 * shape.hidden, column = item / groups;
  const int64_t first = int64_t{item % groups} * kSteps;
  if (column >= columns) return;
  const int64_t count = steps - first < kSteps ? steps - first : kSteps;
  const int64_t at = column * shape.stride + first * shape.padded;
  shape.step += first;
  const auto rows = shape.RowsOfStep<kRows>();
  Held<kRows, float> held[kSteps];
  BNLSTM_UNROLL
  for (int k = 0; k < kSteps; ++k) {
    held[k].Load(rows, p, at + (k < count ? k : 0) * shape.padded);
  }
  Column<kRows> x[kSteps];
  BNLSTM_UNROLL
  for (int k = 0; k < kSteps; ++k) {
    rows.All([&](int i, int n) { x[k].Set(i, held[k].Get(i, n)); });
  }
  Normalizer<kSteps> norm;
  const Tables& tables = shape.tables;
  if (measure) {
    const Moments mine = MeasureOnce(rows, x);
    constexpr int kLanes = kLanesOfColumn<kSteps>;
    norm.Share(mine.mean, InverseRoot(mine.var, shape.eps), kLanes);
    const int k = device::Lane() / kLanes;
    if (k < count && device::Lane() % kLanes == 0) {
      tables.input_mean[(shape.step + k) * columns + column] = mine.mean;
      tables.input_var[(shape.step + k) * columns + column] = mine.var;
    }
  } else {
    BNLSTM_UNROLL
    for (int k = 0; k < kSteps; ++k) {
      const int64_t row = tables.InputRow(tables.Row(shape.step + k, 0));
      norm.mean[k] = tables.input_mean[row * columns + column];
      norm.r[k] = InverseRoot(tables.input_var[row * columns + column], shape.eps);
    }
  }
  const float gamma = shape.parameters.gamma_x[column], bias = shape.parameters.bias[column];
  BNLSTM_UNROLL
  for (int k = 0; k < kSteps; ++k) {
    if (k >= count) break;
    Outgoing<kRows, Value> hat;
    Outgoing<kRows, float> term;
    hat.Place(kept ? kept + at + k * shape.padded : nullptr);
    term.Place(p + at + k * shape.padded);
    rows.All([&](int i, int n) {
      const float normalised = norm.Hat(k, x[k].Get(i));
      hat.Set(i, n, normalised);
      term.Set(i, n, fmaf(normalised, gamma, bias));
    });
    hat.Store(rows);
    term.Store(rows);
  }
}

/// A warp normalises one column of x Wx at one step, as a forward step does, to the same bits.
template <class Value>
__global__ void NormalizeSteps(StepShape shape, const float* p, int64_t steps, Value* kept_b) {
  const int64_t item = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  const int64_t columns = 4 * shape.hidden, column = item / steps, slot = item % steps;
  if (column >= columns) return;
  const int64_t s = shape.step + slot, at = column * shape.stride + slot * shape.padded;
  const bool by_row = shape.norm == Norm::kTableByRow;
  InputColumns<1> input(shape, column, 0);
  if (!by_row) input.Load(shape, shape.tables.Row(s, 0));
  for (int64_t n = device::Lane(); n < shape.batch; n += device::kWarp) {
    if (by_row) input.Load(shape, shape.tables.Row(s, static_cast<int>(n)));
    StoreValue(kept_b + at + n, input.Hat(0, p[at + n]));
  }
}

template <int kRows, class Value>
__global__ void __launch_bounds__(kThreads, 1) ForwardKernel(ForwardStep<Value> step) {
  const int64_t j = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  if (j < step.shape.hidden) StepForward<kRows>(step, j);  // whole warps: it has no block barrier
}

/// Rows of a [r][rows][width] table.
float* TableRows(const Tensor& table, int64_t r) {
  return table ? table.f32() + r * table.shape[1] * table.shape[2] : nullptr;
}

}  // namespace

Direction::Direction(const ops::BnLstmOperands& op, const BnLstmLayout& at, int64_t r,
                     const Context& context)
    : op_(op),
      at_(at),
      r_(r),
      context_(context),
      places_{op.lengths ? op.lengths.i32() : nullptr, at.T, at.B, r == 1},
      weights_(op.packed.u8() + static_cast<size_t>(r * at.packed_direction()) * at.value_bytes) {}

StepShape Direction::Step(int64_t s, bool measure, const InputMemory& memory) const {
  const int64_t H = at_.H;
  const auto gates = [&](const Tensor& from) { return from ? from.f32() + r_ * 4 * H : nullptr; };
  const auto units = [&](const Tensor& from) { return from ? from.f32() + r_ * H : nullptr; };
  const ops::BnLstmStatistics& stats = op_.stats;
  StepShape shape{};
  shape.batch = at_.B;
  shape.padded = at_.padded;
  shape.hidden = H;
  shape.step = s;
  shape.stride = at_.stride();
  shape.lengths = places_.lengths;
  shape.ended_count = !op_.valid_rows;
  shape.eps = op_.eps;
  const bool by_row = op_.population && op_.first_step;
  shape.norm = !at_.normalize               ? Norm::kNone
               : measure && !op_.population ? Norm::kMeasure
               : by_row                     ? Norm::kTableByRow
                                            : Norm::kTable;
  shape.parameters = {gates(op_.gamma_h), gates(op_.gamma_x), gates(op_.b), units(op_.gamma_c),
                      units(op_.beta_c)};
  if (at_.normalize) {
    shape.tables = {TableRows(stats.recurrent_mean, r_),
                    TableRows(stats.recurrent_var, r_),
                    TableRows(stats.input_mean, r_),
                    TableRows(stats.input_var, r_),
                    TableRows(stats.cell_mean, r_),
                    TableRows(stats.cell_var, r_),
                    stats.cell_mean.shape[1],
                    stats.input_mean.shape[1],
                    by_row ? op_.first_step.i32() : nullptr};
  }
  shape.zoneout_c = {op_.zoneout_c, memory.keep_c.present() ? memory.keep_c.At(s) : nullptr};
  shape.zoneout_h = {op_.zoneout_h, memory.keep_h.present() ? memory.keep_h.At(s) : nullptr};
  return shape;
}

void Direction::Begin(const StepMemory& memory) const {
  const int64_t H = at_.H, R = at_.R, B = at_.B, padded = at_.padded, stride = at_.stride(), r = r_;
  const bool learned = op_.learned_state;
  const float *const h0 = op_.h0.f32(), *const c0 = op_.c0.f32();
  const float noise = op_.noise;
  const int32_t* const attempt = op_.attempt ? op_.attempt.i32() : nullptr;
  const uint64_t seed = op_.seed;
  const uint32_t stream = op_.stream;
  Tensor h_values{value_type(), {}, memory.h.At(0), true};
  const Elements h(h_values);
  float* const c = memory.c.Floats(0);
  ForEach(context_, H * padded, [=] __device__(int64_t i) {
    const int64_t j = i / padded, n = i % padded, to = j * stride + n;
    if (n >= B) {
      h.Set(to, 0);
      c[to] = 0;
      return;
    }
    const int64_t state = n * R * H + r * H + j, from = learned ? r * H + j : state;
    float value = h0[from];
    if (noise != 0) {
      const Philox random{seed, stream, static_cast<uint32_t>(*attempt)};
      value += noise * random.Normal(static_cast<uint64_t>(state));
    }
    h.Set(to, value);
    c[to] = c0[from];
  });
}

const void* Direction::Inputs(int64_t s, const InputMemory& memory) const {
  const int64_t steps = at_.steps_from(s), padded = at_.padded, B = at_.B, D = at_.D;
  const Places places = places_;
  const bool skip_ended = op_.valid_rows;
  if (at_.tokens) {
    const int32_t* const from = op_.tokens_in.i32();
    int32_t* const to = memory.tokens;
    ForEach(context_, steps * padded, [=] __device__(int64_t i) {
      const int64_t slot = i / padded, n = i % padded;
      const bool none = n >= B || (skip_ended && s + slot >= places.Length(n));
      to[i] = none ? -1 : from[places.At(s + slot, n)];
    });
    return nullptr;
  }
  if (r_ == 0 && B == padded && !(op_.lengths && skip_ended)) {
    return op_.x.u8() + static_cast<size_t>(s * B * D) * at_.value_bytes;
  }
  const Elements from(op_.x), to(Tensor{op_.x.dtype, {}, memory.x, true});
  ForEach(context_, steps * padded * D, [=] __device__(int64_t i) {
    const int64_t d = i % D, n = i / D % padded, step = s + i / D / padded;
    const bool none = n >= B || (skip_ended && step >= places.Length(n));
    to.Set(i, none ? 0.0f : from.Get(places.At(step, n) * D + d));
  });
  return memory.x;
}

void Direction::DrawZoneout(int64_t s, const InputMemory& memory) const {
  Draw(op_.zoneout_c, op_.stream + 1, s, memory.keep_c);
  Draw(op_.zoneout_h, op_.stream + 2, s, memory.keep_h);
}

void Direction::Draw(float rate, uint32_t stream, int64_t s, const RunMemory& keep) const {
  if (!keep.present()) return;
  const int64_t steps = at_.steps_from(s), padded = at_.padded, stride = at_.stride();
  const int64_t B = at_.B, H = at_.H, R = at_.R, r = r_;
  const uint64_t seed = op_.seed;
  const int32_t* const attempt = op_.attempt.i32();
  uint8_t* const to = keep.At(s);
  ForEach(context_, H * steps * padded, [=] __device__(int64_t i) {
    const int64_t n = i % padded, slot = i / padded % steps, j = i / padded / steps;
    if (n >= B) return;
    const Philox random{seed, stream, static_cast<uint32_t>(*attempt)};
    const int64_t index = ((s + slot) * B + n) * R * H + r * H + j;
    to[j * stride + slot * padded + n] =
        random.Uniform(static_cast<uint64_t>(index)) < rate ? 1 : 0;
  });
}

void Direction::MultiplyInputs(int64_t s, const InputMemory& memory) const {
  const void* const x = Inputs(s, memory);
  const int64_t rows = at_.steps_from(s) * at_.padded, columns = 4 * at_.H, stride = at_.stride();
  float* const p = memory.p.Floats(s);
  if (!at_.tokens) {
    return context_.blas->Multiply({.m = rows,
                                    .n = columns,
                                    .k = at_.D,
                                    .operands = value_type(),
                                    .a = x,
                                    .a_stride = at_.D,
                                    .a_transposed = true,
                                    .b = wx(),
                                    .b_stride = columns,
                                    .b_transposed = true,
                                    .c = p,
                                    .c_stride = stride});
  }
  const int32_t* const tokens = memory.tokens;
  const Elements w(Tensor{value_type(), {}, const_cast<void*>(wx()), true});
  Turn(
      context_, rows, columns,
      [=] __device__(int64_t row, int64_t column) {
        const int64_t token = tokens[row];
        return token < 0 ? 0.0f : w.Get(token * columns + column);
      },
      [=] __device__(int64_t row, int64_t column, float value) {
        p[column * stride + row] = value;
      });
}

void Direction::MeasureInputs(int64_t s, const InputMemory& memory) const {
  const int64_t steps = at_.steps_from(s);
  Launch(context_, {UnitBlocks(4 * at_.H * steps), kThreads}, MeasureSteps, Step(s, true, memory),
         memory.p.Floats(s), steps);
}

void Direction::MeasureSequence(const InputMemory& memory) const {
  Launch(context_, {UnitBlocks(4 * at_.H), kThreads}, MeasureAll, Step(0, true, memory),
         memory.p.Floats(0), at_.T, at_.run);
}

void Direction::MakeTerms(int64_t s, const InputMemory& memory, const RunMemory& kept,
                          bool measure) const {
  if (!at_.normalize) return;
  const int64_t steps = at_.steps_from(s);
  const StepShape shape = Step(s, measure, memory);
  const auto launch = [&](auto* to) {
    using Value = std::remove_pointer_t<decltype(to)>;
    WithRows(at_.padded, shape.norm, [&](auto rows) {
      constexpr int kRows = decltype(rows)::value, kSteps = 4;
      const auto go = [&](int64_t steps_of_warp, auto kernel) {
        const int64_t groups = (steps + steps_of_warp - 1) / steps_of_warp;
        Launch(context_, {UnitBlocks(4 * at_.H * groups), kThreads}, kernel, shape, measure,
               memory.p.Floats(s), to, steps);
      };
      if constexpr (kRows == 0 || kRows > 4) {
        Assert(false, "the persistent plan keeps rows in registers");
      } else if (shape.lengths) {
        go(1, TermsKernel<kRows, 1, Value>);
      } else {
        go(kSteps, TermsKernel<kRows, kSteps, Value>);
      }
    });
  };
  if (op_.bf16) return launch(kept.Values<uint16_t>(s));
  launch(kept.Values<float>(s));
}

void Direction::NormalizeInputs(int64_t s, const InputMemory& memory,
                                const RunMemory& kept_b) const {
  if (op_.bf16) return NormalizeInputsTo(s, memory, kept_b.Values<uint16_t>(s));
  NormalizeInputsTo(s, memory, kept_b.Values<float>(s));
}

template <class Value>
void Direction::NormalizeInputsTo(int64_t s, const InputMemory& memory, Value* kept_b) const {
  const int64_t steps = at_.steps_from(s);
  Launch(context_, {UnitBlocks(4 * at_.H * steps), kThreads}, NormalizeSteps<Value>,
         Step(s, false, memory), memory.p.Floats(s), steps, kept_b);
}

void ForwardSteps::Begin() const {
  if (!choice_.persistent) return;
  const int64_t H = direction_.at().H;
  if (direction_.value_type() == DType::kBF16) {
    PackForward(static_cast<const uint16_t*>(direction_.wh()), H, recurrent_.packed, context_);
  } else {
    PackForward(static_cast<const float*>(direction_.wh()), H, recurrent_.packed, context_);
  }
}

void ForwardSteps::Before(int64_t s) const {
  beside_.DrawZoneout(s, inputs_);
  if (!choice_.persistent) return;
  const bool measures = measure_ && beside_.measures() && !beside_.at().sequence;
  beside_.MakeTerms(s, inputs_, memory_.kept_b, measures);
  recurrent_.exchange.Clear(s, beside_.context());
}

void ForwardSteps::Run(const std::vector<const ForwardSteps*>& directions, int64_t s) {
  const Direction& first = directions.front()->direction_;
  const int64_t end = s + first.at().steps_from(s);
  if (first.value_type() == DType::kBF16) {
    Run<uint16_t>(directions, s, end);
  } else {
    Run<float>(directions, s, end);
  }
}

template <class Value>
void ForwardSteps::Run(const std::vector<const ForwardSteps*>& directions, int64_t begin,
                       int64_t end) {
  const BnLstmChoice& choice = directions.front()->choice_;
  std::vector<ForwardRun<Value>> runs;
  for (const ForwardSteps* each : directions) {
    if (!choice.persistent) {
      each->Steps<Value>(begin, end);
    } else {
      runs.push_back(each->RunOf<Value>(begin, end));
    }
  }
  if (choice.persistent) Launch(choice.pass, runs, directions.front()->context_);
}

template <class Value>
void ForwardSteps::Steps(int64_t begin, int64_t end) const {
  const BnLstmLayout& at = direction_.at();
  for (int64_t s = begin; s < end; ++s) {
    context_.blas->Multiply({.m = at.padded,
                             .n = 4 * at.H,
                             .k = at.H,
                             .operands = direction_.value_type(),
                             .a = memory_.h.At(s),
                             .a_stride = at.stride(),
                             .b = direction_.wh(),
                             .b_stride = 4 * at.H,
                             .b_transposed = true,
                             .c = recurrent_.a,
                             .c_stride = at.padded});
    const ForwardStep<Value> step{direction_.Step(s, measure_, inputs_),
                                  recurrent_.a,
                                  inputs_.p.Floats(s),
                                  memory_.c.Floats(s),
                                  memory_.c.Floats(s + 1),
                                  memory_.h.Values<Value>(s),
                                  memory_.h.Values<Value>(s + 1),
                                  memory_.kept_a.Values<Value>(s),
                                  memory_.kept_b.Values<Value>(s)};
    WithRows(at.padded, step.shape.norm, [&](auto rows) {
      Launch(context_, {UnitBlocks(at.H), kThreads}, ForwardKernel<decltype(rows)::value, Value>,
             step);
    });
  }
}

template <class Value>
ForwardRun<Value> ForwardSteps::RunOf(int64_t begin, int64_t end) const {
  const BnLstmLayout& at = direction_.at();
  return ForwardRun<Value>{direction_.Step(begin, measure_, inputs_),
                           end - begin,
                           recurrent_.packed,
                           inputs_.p.Floats(begin),
                           memory_.c.Floats(begin),
                           memory_.c.Floats(begin + at.run),
                           memory_.h.Values<Value>(begin),
                           memory_.h.Values<Value>(begin + at.run),
                           at.run,
                           memory_.kept_a.Values<Value>(begin),
                           reinterpret_cast<Published<Value>*>(recurrent_.exchange.At(begin)),
                           choice_.pass.split,
                           {context_.gave_up, kLongestWait}};
}

}  // namespace bnlstm::cuda
