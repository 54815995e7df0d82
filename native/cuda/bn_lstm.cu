// Forward over a whole sequence: run by run of steps the products of the inputs, and then the steps,
// by the plan that was chosen (cuda/bn_lstm_plan.h).
#include <vector>

#include "cuda/bn_lstm_sequence.h"
#include "cuda/device/elements.h"
#include "cuda/kernels.h"
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
      : inputs(op, at, carve, at.sequence && !op.population ? at.runs(at.T) : 1),
        recurrent(at, choice, carve) {
    const bool kept = op.saved && !SavedSteps(op, at, 0, nullptr).recomputes;
    if (!kept) steps = StepMemory(at, carve, std::min<int64_t>(2, at.runs(at.T + 1)), 0, 0);
    bytes = carve.bytes();
  }
};

/// h or c after each of some steps, into a tensor of [T][B][R*H].
void WriteStates(const Direction& direction, int64_t r, const RunMemory& states, DType type,
                 int64_t first, int64_t steps, const Tensor& out, const Context& context) {
  const BnLstmLayout& at = direction.at();
  const int64_t B = at.B, H = at.H, R = at.R, stride = at.stride();
  const Places places = direction.places();
  const Elements to(out);
  // States of the run's last step lie where the next run begins.
  for (int64_t s = first; s < first + steps;) {
    const int64_t count = std::min(at.run - (s + 1) % at.run, first + steps - s);
    const Elements from(Tensor{type, {}, states.At(s + 1), true});
    const int64_t padded = at.padded;
    Turn(
        context, H, count * B,
        [=] __device__(int64_t j, int64_t i) {
          const StepRow at(i, B);
          return from.Get(j * stride + at.step * padded + at.row);
        },
        [=] __device__(int64_t j, int64_t i, float value) {
          const StepRow at(i, B);
          to.Set(places.At(s + at.step, at.row) * R * H + r * H + j, value);
        });
    s += count;
  }
}

/// h_T or c_T, into a tensor of [B][R*H].
void WriteLast(const Direction& direction, int64_t r, const RunMemory& states, DType type,
               const Tensor& out, const Context& context) {
  const BnLstmLayout& at = direction.at();
  const int64_t H = at.H, R = at.R, stride = at.stride();
  const Elements to(out), from(Tensor{type, {}, states.At(at.T), true});
  Turn(
      context, H, at.B, [=] __device__(int64_t j, int64_t n) { return from.Get(j * stride + n); },
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
          const Scratch& scratch, int64_t r, const Context& context)
      : op_(op),
        at_(at),
        choice_(choice),
        inputs_(scratch.inputs),
        r_(r),
        context_(context),
        direction_(op, at, r, context),
        saved_(op, at, r, op.saved.u8()),
        memory_(op.saved && !saved_.recomputes ? saved_.steps : scratch.steps),
        steps(direction_, memory_, inputs_, choice, scratch.recurrent, true, context) {}

  /// Input statistics are of the whole sequence: the products of all runs come first.
  bool whole() const { return direction_.measures() && at_.sequence; }

  void Begin() const {
    direction_.Begin(memory_);
    steps.Begin();
    if (!whole()) return;
    for (int64_t s = 0; s < at_.T; s += at_.run) direction_.MultiplyInputs(s, inputs_);
    direction_.MeasureSequence(inputs_);
  }
  /// Before and after the steps of the run that begins at s.
  void Before(int64_t s) const {
    if (!whole()) direction_.MultiplyInputs(s, inputs_);
    if (direction_.measures() && !whole() && !choice_.persistent) {
      direction_.MeasureInputs(s, inputs_);
    }
    if (op_.saved && saved_.recomputes && s % saved_.chunk == 0) {
      KeepChunk(saved_, at_, memory_, s, context_);
    }
  }
  void After(int64_t s) const {
    const int64_t steps = at_.steps_from(s);
    if (op_.y) WriteStates(direction_, r_, memory_.h, op_.y.dtype, s, steps, op_.y, context_);
    if (op_.c_all)
      WriteStates(direction_, r_, memory_.c, DType::kF32, s, steps, op_.c_all, context_);
  }
  void End() const {
    if (op_.h_last) WriteLast(direction_, r_, memory_.h, op_.h_last.dtype, op_.h_last, context_);
    if (op_.c_last) WriteLast(direction_, r_, memory_.c, DType::kF32, op_.c_last, context_);
  }

  const ops::BnLstm& op_;
  const BnLstmLayout& at_;
  const BnLstmChoice& choice_;
  const InputMemory& inputs_;
  const int64_t r_;
  const Context& context_;
  const Direction direction_;
  const SavedSteps saved_;
  const StepMemory& memory_;
  const ForwardSteps steps;
};

/// All runs of one direction, or of both together.
void Run(const std::vector<const Forward*>& directions, const BnLstmLayout& at) {
  std::vector<const ForwardSteps*> steps;
  for (const Forward* each : directions) {
    each->Begin();
    steps.push_back(&each->steps);
  }
  for (int64_t s = 0; s < at.T; s += at.run) {
    for (const Forward* each : directions) each->Before(s);
    ForwardSteps::Run(steps, s);
    for (const Forward* each : directions) each->After(s);
  }
  for (const Forward* each : directions) each->End();
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
  return {choice.persistent ? "persistent" : "steps", choice.why};
}

void Run(const ops::BnLstm& op, const Context& context) {
  const BnLstmLayout at(op);
  const BnLstmChoice choice = ChooseForward(op, *context.device);
  const Scratch scratch(op, at, choice, Carver(op.scratch.u8()));
  const Forward one(op, at, choice, scratch, 0, context);
  if (at.R == 1) return Run({&one}, at);
  const Scratch second(op, at, choice,
                       Carver(choice.together ? op.scratch.u8() + scratch.bytes : op.scratch.u8()));
  const Forward other(op, at, choice, second, 1, context);
  if (choice.together) return Run({&one, &other}, at);
  Run({&one}, at);
  Run({&other}, at);
}

}  // namespace bnlstm::cuda
