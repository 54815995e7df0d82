// Forward over a whole sequence: run by run of steps the products of the inputs, and then the steps,
// by the plan that was chosen (cuda/bn_lstm_plan.h).
#include <vector>

#include "cuda/bn_lstm_sequence.h"
#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/overlap.h"
#include "cuda/turn.h"

namespace bnlstm::cuda {
namespace {

/// Of one direction after the other.
struct Scratch {
  InputMemory inputs;
  RecurrentMemory recurrent;
  StepMemory steps;  // where they are not kept
  size_t bytes;

  Scratch(const ops::BnLstm& op, const BnLstmLayout& at, const BnLstmChoice& choice, Carver carve)
      : inputs(op, at, carve, at.sequence && !op.population ? at.runs(at.T) : choice.runs_at_once(),
               choice.runs_at_once()),
        recurrent(at, choice, carve, choice.runs_at_once()) {
    const bool kept = op.saved && !SavedSteps(op, at, 0, nullptr).recomputes;
    if (!kept) steps = StepMemory(at, carve, std::min<int64_t>(2, at.runs(at.T + 1)), 0, 0);
    bytes = carve.bytes();
  }
};

/// h or c after each step of the run that begins at s, into a tensor of [T][B][R*H].
void WriteStates(const Direction& direction, int64_t r, const RunMemory& states, DType type,
                 int64_t s, const Tensor& out) {
  const BnLstmLayout& at = direction.at();
  const int64_t B = at.B, H = at.H, R = at.R, padded = at.padded, stride = at.stride();
  const int64_t run = at.run;
  const Places places = direction.places();
  // The state after the last step of a whole run lies where the next run begins.
  const Elements to(out), own(Tensor{type, {}, states.At(s), true}),
      next(Tensor{type, {}, states.At(s + run), true});
  Turn(
      direction.context(), H, at.steps_from(s) * B,
      [=] __device__(int64_t j, int64_t i) {
        const StepRow at(i, B);
        const int64_t place = j * stride + at.row, after = at.step + 1;
        return after < run ? own.Get(place + after * padded) : next.Get(place);
      },
      [=] __device__(int64_t j, int64_t i, float value) {
        const StepRow at(i, B);
        to.Set(places.At(s + at.step, at.row) * R * H + r * H + j, value);
      });
}

/// h_T or c_T, into a tensor of [B][R*H].
void WriteLast(const Direction& direction, int64_t r, const RunMemory& states, DType type,
               const Tensor& out) {
  const BnLstmLayout& at = direction.at();
  const int64_t H = at.H, R = at.R, stride = at.stride();
  const Elements to(out), from(Tensor{type, {}, states.At(at.T), true});
  Turn(
      direction.context(), H, at.B,
      [=] __device__(int64_t j, int64_t n) { return from.Get(j * stride + n); },
      [=] __device__(int64_t j, int64_t n, float value) { to.Set(n * R * H + r * H + j, value); });
}

/// Keeps h and c before the chunk that begins at step s.
void KeepChunk(const SavedSteps& saved, const BnLstmLayout& at, const StepMemory& steps, int64_t s,
               const Context& context) {
  const auto copy = [&](void* to, const void* from, size_t element) {
    const size_t row = static_cast<size_t>(at.padded) * element;
    Check(cudaMemcpy2DAsync(to, row, from, static_cast<size_t>(at.stride()) * element, row,
                            static_cast<size_t>(at.H), cudaMemcpyDeviceToDevice, context.stream),
          "cudaMemcpy2DAsync");
  };
  copy(saved.ChunkH(at, s), steps.h.At(s), at.value_bytes);
  copy(saved.ChunkC(at, s), steps.c.At(s), sizeof(float));
}

/// One direction. Nothing is private: nvcc allows no device lambdas there.
struct Forward {
  Forward(const ops::BnLstm& op, const BnLstmLayout& at, const BnLstmChoice& choice,
          const Scratch& scratch, int64_t r, const Context& context, const Overlap& overlap)
      : op_(op),
        at_(at),
        choice_(choice),
        inputs_(scratch.inputs),
        r_(r),
        direction_(op, at, r, context),
        beside_(op, at, r, overlap.beside()),
        saved_(op, at, r, op.saved.u8()),
        memory_(op.saved && !saved_.recomputes ? saved_.steps : scratch.steps),
        steps(direction_, beside_, memory_, inputs_, choice, scratch.recurrent, true) {}

  /// Input statistics are of the whole sequence: the products of all runs come first.
  bool whole() const { return direction_.measures() && at_.sequence; }

  void Begin() const {
    direction_.Begin(memory_);
    steps.Begin();
  }
  /// Before the run that begins at s, and beside others.
  void Before(int64_t s) const {
    if (!whole()) {
      beside_.MultiplyInputs(s, inputs_);
      if (beside_.measures() && !choice_.persistent) beside_.MeasureInputs(s, inputs_);
    } else if (s == 0) {
      for (int64_t each = 0; each < at_.T; each += at_.run) beside_.MultiplyInputs(each, inputs_);
      beside_.MeasureSequence(inputs_);
    }
    steps.Before(s);
  }
  /// After the run before, and beside the steps, which read the same state.
  void Keep(int64_t s) const {
    if (op_.saved && saved_.recomputes && s % saved_.chunk == 0) {
      KeepChunk(saved_, at_, memory_, s, beside_.context());
    }
  }
  /// After the run, and beside others. Where states are not kept, the steps of the next run meanwhile write
  /// those of its own memory, and the state before the run after it, which is none that is read here.
  void After(int64_t s) const {
    if (op_.y) WriteStates(beside_, r_, memory_.h, op_.y.dtype, s, op_.y);
    if (op_.c_all) WriteStates(beside_, r_, memory_.c, DType::kF32, s, op_.c_all);
  }
  void End() const {
    if (op_.h_last) WriteLast(direction_, r_, memory_.h, op_.h_last.dtype, op_.h_last);
    if (op_.c_last) WriteLast(direction_, r_, memory_.c, DType::kF32, op_.c_last);
  }

  const ops::BnLstm& op_;
  const BnLstmLayout& at_;
  const BnLstmChoice& choice_;
  const InputMemory& inputs_;
  const int64_t r_;
  const Direction direction_, beside_;
  const SavedSteps saved_;
  const StepMemory& memory_;
  const ForwardSteps steps;
};

/// All runs of one direction, or of both together.
void Run(const std::vector<const Forward*>& directions, const BnLstmLayout& at,
         const Overlap& overlap) {
  std::vector<const ForwardSteps*> steps;
  overlap.Meet();
  for (const Forward* each : directions) {
    each->Begin();
    steps.push_back(&each->steps);
  }
  overlap.EachRun(
      at.runs(at.T),
      [&](int64_t run) {
        for (const Forward* each : directions) each->Before(run * at.run);
      },
      [&](int64_t run) {
        for (const Forward* each : directions) each->Keep(run * at.run);
        ForwardSteps::Run(steps, run * at.run);
      },
      [&](int64_t run) {
        for (const Forward* each : directions) each->After(run * at.run);
      });
  for (const Forward* each : directions) each->End();
  overlap.Meet();
}

}  // namespace

OpSizes Sizes(const ops::BnLstm& op, const DeviceFacts& device) {
  const BnLstmLayout at(op);
  const BnLstmChoice choice = ChooseForward(op, device);
  return {.saved = SavedSteps(op, at, 0, nullptr).bytes * static_cast<size_t>(at.R),
          .scratch = Scratch(op, at, choice, Carver(nullptr)).bytes * (choice.together ? 2 : 1)};
}

OpPlan Plan(const ops::BnLstm& op, const DeviceFacts& device) {
  const BnLstmChoice choice = ChooseForward(op, device);
  return {choice.name, choice.why};
}

bool Overlaps(const ops::BnLstm& op, const DeviceFacts& device) {
  return ChooseForward(op, device).overlaps;
}

void Run(const ops::BnLstm& op, const Context& context) {
  const BnLstmLayout at(op);
  const BnLstmChoice choice = ChooseForward(op, *context.device);
  const Overlap overlap(context, choice.overlaps);
  const Scratch scratch(op, at, choice, Carver(op.scratch.u8()));
  const Forward one(op, at, choice, scratch, 0, context, overlap);
  if (at.R == 1) return Run({&one}, at, overlap);
  const Scratch second(op, at, choice,
                       Carver(choice.together ? op.scratch.u8() + scratch.bytes : op.scratch.u8()));
  const Forward other(op, at, choice, second, 1, context, overlap);
  if (choice.together) return Run({&one, &other}, at, overlap);
  Run({&one}, at, overlap);
  Run({&other}, at, overlap);
}

}  // namespace bnlstm::cuda
