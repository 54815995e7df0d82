// Backward over a whole sequence (docs/paper.md section 1.2): run by run the steps, by the plan that
// was chosen (cuda/bn_lstm_plan.h), and then the products that nothing waits for (dWh, dWx, dx). No sum
// is atomic.
#include <vector>

#include "cuda/blas.h"
#include "cuda/bn_lstm_backward_memory.h"
#include "cuda/bn_lstm_persistent.h"
#include "cuda/bn_lstm_sequence.h"
#include "cuda/device/backward_step.h"
#include "cuda/device/elements.h"
#include "cuda/device/sequence_gradients.h"
#include "cuda/kernels.h"
#include "cuda/overlap.h"
#include "cuda/turn.h"

namespace bnlstm::cuda {
namespace {

constexpr int kThreads = kWarpsOfBlock * device::kWarp;

template <int kRows, class Value>
__global__ void __launch_bounds__(kThreads, 1) BackwardKernel(BackwardStep<Value> step) {
  const int64_t j = device::BlockIndex() * kWarpsOfBlock + device::Warp();
  if (j < step.shape.hidden) StepBackward<kRows>(step, j);  // whole warps: it has no block barrier
}

/// One direction of bnLstmBackward. Nothing is private: nvcc allows no device lambdas there.
struct Backward {
  Backward(const ops::BnLstmBackward& op, const BnLstmLayout& at, const BackwardChoices& choices,
           const BackwardScratch& scratch, float* dx_sum, int64_t r, const Context& context,
           const Overlap& overlap)
      : op_(op),
        at_(at),
        choices_(choices),
        scratch_(scratch),
        dx_sum_(dx_sum),
        r_(r),
        context_(context),
        direction_(op, at, r, context),
        beside_(op, at, r, overlap.beside()),
        saved_(op, at, r, op.saved.u8()),
        memory_(saved_.recomputes ? scratch.steps : saved_.steps),
        again_(direction_, direction_, memory_, scratch.inputs, choices.forward, scratch.again,
               false) {
    if (saved_.recomputes_inputs) memory_.kept_b = scratch.kept_b;
  }

  void Begin() const {
    if (saved_.recomputes) again_.Begin();
    if (choices_.backward.persistent && op_.bf16) {
      PackBackward(static_cast<const uint16_t*>(direction_.wh()), at_.H, scratch_.packed, context_);
    } else if (choices_.backward.persistent) {
      PackBackward(static_cast<const float*>(direction_.wh()), at_.H, scratch_.packed, context_);
    }
    const int64_t H = at_.H, R = at_.R, B = at_.B, padded = at_.padded, r = r_;
    float *const dh = scratch_.dh, *const dc = scratch_.dc;
    double* const sums = scratch_.sums;
    const Elements dh_last(op_.dh_last), dc_last(op_.dc_last);
    ForEach(context_, H * padded, [=] __device__(int64_t i) {
      const int64_t j = i / padded, n = i % padded, from = n * R * H + r * H + j;
      dh[i] = n < B && dh_last.present() ? dh_last.Get(from) : 0.0f;
      dc[i] = n < B && dc_last.present() ? dc_last.Get(from) : 0.0f;
      for (int64_t k = i; k < kSumsOfUnit * H; k += H * padded) sums[k] = 0;
    });
  }

  /// Forward once more over a chunk, from the state before it, which leaves what the steps backward
  /// read.
  void RunAgain(int64_t begin, int64_t end) const {
    const auto restore = [&](void* to, const void* from, size_t element) {
      const size_t row = static_cast<size_t>(at_.padded) * element;
      Check(
          cudaMemcpy2DAsync(to, static_cast<size_t>(at_.stride()) * element, from, row, row,
                            static_cast<size_t>(at_.H), cudaMemcpyDeviceToDevice, context_.stream),
          "cudaMemcpy2DAsync");
    };
    restore(memory_.h.At(begin), saved_.ChunkH(at_, begin), at_.value_bytes);
    restore(memory_.c.At(begin), saved_.ChunkC(at_, begin), sizeof(float));
    for (int64_t s = begin; s < end; s += at_.run) {
      direction_.MultiplyInputs(s, scratch_.inputs);
      again_.Before(s);
      ForwardSteps::Run({&again_}, s);
    }
  }
  /// The chunk of a run.
  void RunChunkAgain(int64_t begin) const {
    const int64_t chunk = begin / saved_.chunk * saved_.chunk;
    RunAgain(chunk, std::min(chunk + saved_.chunk, at_.T));
  }
  /// What forward kept of the inputs of a run, if it has not.
  void InputsAgain(int64_t begin) const {
    if (!saved_.recomputes_inputs) return;
    beside_.MultiplyInputs(begin, scratch_.inputs);
    beside_.NormalizeInputs(begin, scratch_.inputs, scratch_.kept_b);
  }

  /// Before and after the steps of the run that begins at `begin`, and beside others; the last run is the
  /// first. Where steps run again nothing is beside them.
  void Before(int64_t begin) const {
    if (saved_.recomputes && begin % saved_.chunk == LastRunOf(begin)) RunChunkAgain(begin);
    InputsAgain(begin);
    if (op_.dy) TurnOutputGradient(begin, at_.steps_from(begin));
    beside_.DrawZoneout(begin, scratch_.inputs);
    if (choices_.backward.persistent) scratch_.exchange.Clear(begin, beside_.context());
  }
  void After(int64_t begin) const {
    const int64_t steps = at_.steps_from(begin);
    RecurrentWeights(begin, steps);
    if (!at_.sequence) InputGradients(begin, steps, scratch_.db);
  }
  void End() const {
    if (at_.sequence) SequenceInputs();
    Finish();
  }

  template <class Value>
  void Steps(int64_t begin) const {
    for (int64_t s = begin + at_.steps_from(begin) - 1; s >= begin; --s) {
      Step<Value>(s);
      CarryHidden(s);
    }
  }

  /// dy of a run, unit-major.
  void TurnOutputGradient(int64_t begin, int64_t steps) const {
    const int64_t B = at_.B, H = at_.H, R = at_.R, padded = at_.padded, stride = at_.stride(),
                  r = r_;
    const Places places = direction_.places();
    const Elements dy(op_.dy), to(Tensor{op_.dy.dtype, {}, scratch_.dy.At(begin), true});
    Turn(
        beside_.context(), steps * padded, H,
        [=] __device__(int64_t i, int64_t j) {
          const StepRow at(i, padded);
          if (at.row >= B) return 0.0f;
          return dy.Get(places.At(begin + at.step, at.row) * R * H + r * H + j);
        },
        [=] __device__(int64_t i, int64_t j, float value) {
          const StepRow at(i, padded);
          to.Set(j * stride + at.step * padded + at.row, value);
        });
  }

  bool through() const { return at_.normalize && !op_.population; }
  /// Where a step's kernel has to leave dB, and dP.
  template <class Value>
  Value* StepInputs(int64_t s) const {
    return at_.normalize && !at_.sequence ? scratch_.db.Values<Value>(s) : nullptr;
  }
  float* StepPreActivations(int64_t s) const {
    return at_.sequence ? scratch_.dp.Floats(s) : nullptr;
  }

  /// What the persistent kernel is told of a run.
  template <class Value>
  BackwardRun<Value> RunOf(int64_t begin) const {
    uint8_t* const exchange = scratch_.exchange.At(begin);
    uint8_t* const published = exchange + choices_.backward.pass.group_bytes;
    return {direction_.Step(begin, false, scratch_.inputs),
            through(),
            at_.steps_from(begin),
            scratch_.packed,
            memory_.kept_a.Values<Value>(begin),
            memory_.kept_b.Values<Value>(begin),
            memory_.c.Floats(begin),
            memory_.c.Floats(begin + at_.run),
            at_.run,
            scratch_.dy.Values<Value>(begin),
            scratch_.dh,
            scratch_.dc,
            scratch_.da.Values<Value>(begin),
            StepInputs<Value>(begin),
            StepPreActivations(begin),
            scratch_.sums,
            reinterpret_cast<device::Words*>(exchange),
            reinterpret_cast<Published<Value>*>(published),
            choices_.backward.pass.split,
            {context_.gave_up, kLongestWait}};
  }

  template <class Value>
  void Step(int64_t s) const {
    const BackwardStep<Value> step{direction_.Step(s, false, scratch_.inputs),
                                   through(),
                                   memory_.kept_a.Values<Value>(s),
                                   memory_.kept_b.Values<Value>(s),
                                   memory_.c.Floats(s),
                                   memory_.c.Floats(s + 1),
                                   scratch_.dy.Values<Value>(s),
                                   scratch_.dh,
                                   scratch_.dc,
                                   scratch_.da.Values<Value>(s),
                                   StepInputs<Value>(s),
                                   StepPreActivations(s),
                                   scratch_.sums,
                                   scratch_.temporary};
    WithRows(at_.padded, step.shape.norm, [&](auto rows) {
      Launch(context_, {UnitBlocks(at_.H), kThreads}, BackwardKernel<decltype(rows)::value, Value>,
             step);
    });
  }

  /// dh_{t-1} = dA Wh^T on top of what passed by.
  void CarryHidden(int64_t s) const {
    context_.blas->Multiply({.m = at_.padded,
                             .n = at_.H,
                             .k = 4 * at_.H,
                             .operands = direction_.value_type(),
                             .a = scratch_.da.At(s),
                             .a_stride = at_.stride(),
                             .b = direction_.wh(),
                             .b_stride = 4 * at_.H,
                             .c = scratch_.dh,
                             .c_stride = at_.padded,
                             .beta = 1});
  }

  /// Backward begins with the last run, whose products overwrite; those of the others are added.
  float Beta(int64_t begin) const { return begin + at_.run >= at_.T ? 0.0f : 1.0f; }

  void RecurrentWeights(int64_t begin, int64_t steps) const {
    beside_.context().blas->Multiply({.m = 4 * at_.H,
                                      .n = at_.H,
                                      .k = steps * at_.padded,
                                      .operands = direction_.value_type(),
                                      .a = scratch_.da.At(begin),
                                      .a_stride = at_.stride(),
                                      .a_transposed = true,
                                      .b = memory_.h.At(begin),
                                      .b_stride = at_.stride(),
                                      .c = op_.dwh.f32() + r_ * at_.H * 4 * at_.H,
                                      .c_stride = 4 * at_.H,
                                      .beta = Beta(begin)});
  }

  /// dWx and dx of a run, from its dB.
  void InputGradients(int64_t begin, int64_t steps, const RunMemory& db) const {
    const int64_t columns = 4 * at_.H, rows = steps * at_.padded;
    float* const dwx = op_.dwx.f32() + r_ * at_.D * columns;
    const void* const x = beside_.Inputs(begin, scratch_.inputs);
    if (at_.tokens) return TokenGradients(begin, rows, db, dwx);
    beside_.context().blas->Multiply({.m = columns,
                                      .n = at_.D,
                                      .k = rows,
                                      .operands = direction_.value_type(),
                                      .a = db.At(begin),
                                      .a_stride = at_.stride(),
                                      .a_transposed = true,
                                      .b = x,
                                      .b_stride = at_.D,
                                      .b_transposed = true,
                                      .c = dwx,
                                      .c_stride = columns,
                                      .beta = Beta(begin)});
    if (!op_.dx) return;
    beside_.context().blas->Multiply({.m = at_.D,
                                      .n = rows,
                                      .k = columns,
                                      .operands = direction_.value_type(),
                                      .a = direction_.wx(),
                                      .a_stride = columns,
                                      .a_transposed = true,
                                      .b = db.At(begin),
                                      .b_stride = at_.stride(),
                                      .b_transposed = true,
                                      .c = scratch_.dx,
                                      .c_stride = at_.D});
    PlaceInputGradient(begin, steps);
  }

  void TokenGradients(int64_t begin, int64_t rows, const RunMemory& db, float* dwx) const {
    const int64_t columns = 4 * at_.H, stride = at_.stride();
    const Elements from(Tensor{direction_.value_type(), {}, db.At(begin), true});
    float* const turned = scratch_.db_rows;
    Turn(
        beside_.context(), columns, rows,
        [=] __device__(int64_t column, int64_t row) { return from.Get(column * stride + row); },
        [=] __device__(int64_t column, int64_t row, float value) {
          turned[row * columns + column] = value;
        });
    const int64_t items = at_.D * ((columns + device::kWarp - 1) / device::kWarp);
    Launch(beside_.context(), {UnitBlocks(items), kThreads}, TokenGradient, scratch_.inputs.tokens,
           rows, turned, columns, at_.D, Beta(begin) != 0, dwx);
  }

  /// dx of a run where x has its rows. Two directions are added to zeros, in any order to the same
  /// bits.
  void PlaceInputGradient(int64_t begin, int64_t steps) const {
    const int64_t B = at_.B, D = at_.D, padded = at_.padded;
    const bool adds = at_.R == 2;
    const Places places = direction_.places();
    const float* const from = scratch_.dx;
    const Elements dx(op_.dx);
    float* const sums = dx_sum_;
    ForRows(beside_.context(), steps * B, D, [=] __device__(int64_t i, int64_t d) {
      const StepRow at(i, B);
      const int64_t to = places.At(begin + at.step, at.row) * D + d;
      float value = from[(at.step * padded + at.row) * D + d];
      if (adds) value += sums ? sums[to] : dx.Get(to);
      if (sums) {
        sums[to] = value;
      } else {
        dx.Set(to, value);
      }
    });
  }

  void SequenceInputs() const {
    for (int64_t begin = 0; begin < at_.T; begin += at_.run) {
      // As the runs of the steps: the last one's products overwrite.
      const int64_t s = (at_.T - 1) / at_.run * at_.run - begin, steps = at_.steps_from(s);
      if (saved_.recomputes && s % saved_.chunk == LastRunOf(s)) RunChunkAgain(s);
      InputsAgain(s);
      if (op_.bf16) {
        SequenceRun<uint16_t>(s, steps);
      } else {
        SequenceRun<float>(s, steps);
      }
      InputGradients(s, steps, scratch_.db);
    }
  }
  /// Where in its chunk the last run of the chunk of step s begins.
  int64_t LastRunOf(int64_t s) const {
    const int64_t begin = s / saved_.chunk * saved_.chunk;
    return (std::min(begin + saved_.chunk, at_.T) - 1 - begin) / at_.run * at_.run;
  }

  template <class Value>
  void SequenceRun(int64_t s, int64_t steps) const {
    Launch(beside_.context(), {UnitBlocks(4 * at_.H), kThreads}, SequenceGradient<Value>,
           direction_.Step(s, false, scratch_.inputs), !op_.population, steps, at_.T, scratch_.sums,
           scratch_.dp.Floats(s), reinterpret_cast<const Value*>(memory_.kept_b.At(s)),
           reinterpret_cast<Value*>(scratch_.db.At(s)));
  }

  /// One launch for all sums and one for both states, as they are small.
  void Finish() const {
    const int64_t H = at_.H, r = r_;
    const double* const sums = scratch_.sums;
    const auto place = [&](const Tensor& out, int64_t columns) {
      return out ? out.f32() + r * columns : nullptr;
    };
    float* const gates[] = {place(op_.db, 4 * H), place(op_.dgamma_h, 4 * H),
                            place(op_.dgamma_x, 4 * H)};
    float* const cells[] = {place(op_.dgamma_c, H), place(op_.dbeta_c, H)};
    static_assert(kSumBias == 0 && kSumGammaH == 4 && kSumGammaX == 8 && kSumGammaC == 12 &&
                  kSumBetaC == 13);
    ForEach(context_, (kSumBetaC + 1) * H, [=] __device__(int64_t i) {
      const int64_t sum = i / H, unit = i % H;
      const bool of_gate = sum < kSumGammaC;
      float* const to = of_gate ? gates[sum / 4] : cells[sum - kSumGammaC];
      if (!to) return;
      to[of_gate ? sum % 4 * H + unit : unit] = static_cast<float>(sums[unit * kSumsOfUnit + sum]);
    });
    WriteStateGradients();
  }

  void WriteStateGradients() const {
    const int64_t H = at_.H, R = at_.R, B = at_.B, padded = at_.padded, r = r_;
    const auto of = [&](const float* carried, const Tensor& out) {
      const int64_t first = op_.learned_state ? r * H : 0;
      return StateGradient{carried, out.f32() + first};
    };
    const StateGradient h0 = of(scratch_.dh, op_.dh0), c0 = of(scratch_.dc, op_.dc0);
    if (op_.learned_state) {
      return Launch(context_, {UnitBlocks(2 * H), kThreads}, SumOfRows, h0, c0, H, padded, B);
    }
    ForEach(context_, B * H, [=] __device__(int64_t i) {
      const int64_t n = i / H, j = i % H, from = j * padded + n, to = n * R * H + r * H + j;
      h0.to[to] = h0.carried[from];
      c0.to[to] = c0.carried[from];
    });
  }

  const ops::BnLstmBackward& op_;
  const BnLstmLayout& at_;
  const BackwardChoices& choices_;
  const BackwardScratch& scratch_;
  float* const dx_sum_;
  const int64_t r_;
  const Context& context_;
  const Direction direction_, beside_;
  const SavedSteps saved_;
  StepMemory memory_;
  const ForwardSteps again_;  // where steps were not kept
};

template <class Value>
void RunSteps(const std::vector<const Backward*>& directions, const BnLstmChoice& choice,
              int64_t begin, const Context& context) {
  std::vector<BackwardRun<Value>> runs;
  for (const Backward* each : directions) {
    if (!choice.persistent) {
      each->Steps<Value>(begin);
    } else {
      runs.push_back(each->RunOf<Value>(begin));
    }
  }
  if (choice.persistent) Launch(choice.pass, runs, context);
}

/// All runs of one direction, or of both together.
void Run(const std::vector<const Backward*>& directions, const ops::BnLstmBackward& op,
         const BnLstmLayout& at, const BnLstmChoice& choice, const Context& context,
         const Overlap& overlap) {
  const int64_t runs = at.runs(at.T);
  const auto begin_of = [&](int64_t k) { return (runs - 1 - k) * at.run; };
  overlap.Meet();
  for (const Backward* each : directions) each->Begin();
  overlap.EachRun(
      runs,
      [&](int64_t k) {
        for (const Backward* each : directions) each->Before(begin_of(k));
      },
      [&](int64_t k) {
        if (op.bf16) {
          RunSteps<uint16_t>(directions, choice, begin_of(k), context);
        } else {
          RunSteps<float>(directions, choice, begin_of(k), context);
        }
      },
      [&](int64_t k) {
        for (const Backward* each : directions) each->After(begin_of(k));
      });
  for (const Backward* each : directions) each->End();
  overlap.Meet();
}

}  // namespace

OpSizes Sizes(const ops::BnLstmBackward& op, const DeviceFacts& device) {
  return {.scratch = BothScratch(op, BnLstmLayout(op), BackwardChoices(op, device), nullptr).bytes};
}

OpPlan Plan(const ops::BnLstmBackward& op, const DeviceFacts& device) {
  const BnLstmChoice choice = ChooseBackward(op, device);
  return {choice.name, choice.why};
}

bool Overlaps(const ops::BnLstmBackward& op, const DeviceFacts& device) {
  return ChooseBackward(op, device).overlaps;
}

void Run(const ops::BnLstmBackward& op, const Context& context) {
  const BnLstmLayout at(op);
  const BackwardChoices choices(op, *context.device);
  const BothScratch scratch(op, at, choices, op.scratch.u8());
  const BnLstmChoice& choice = choices.backward;
  const Overlap overlap(context, choice.overlaps);
  const Backward one(op, at, choices, scratch.one, scratch.dx_sum, 0, context, overlap);
  if (at.R == 1) return Run({&one}, op, at, choice, context, overlap);
  const Backward other(op, at, choices, scratch.other, scratch.dx_sum, 1, context, overlap);
  const auto count = static_cast<size_t>(at.T * at.B * at.D);
  float* const sums = scratch.dx_sum;
  if (op.dx) {
    Check(cudaMemsetAsync(op.bf16 ? sums : op.dx.f32(), 0, count * sizeof(float), context.stream),
          "cudaMemsetAsync");
  }
  if (choice.together) {
    Run({&one, &other}, op, at, choice, context, overlap);
  } else {
    Run({&one}, op, at, choice, context, overlap);
    Run({&other}, op, at, choice, context, overlap);
  }
  if (!op.dx || !op.bf16) return;
  const Elements dx(op.dx);
  ForEach(context, static_cast<int64_t>(count), [=] __device__(int64_t i) { dx.Set(i, sums[i]); });
}

}  // namespace bnlstm::cuda
