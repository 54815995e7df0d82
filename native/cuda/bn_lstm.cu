// Forward over a whole sequence: run by run of steps the products of the inputs, and then the steps,
// by the plan that was chosen (cuda/bn_lstm_plan.h).
#include <string>

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

void RunDirection(const ops::BnLstm& op, const BnLstmLayout& at, const BnLstmChoice& choice,
                  const Scratch& scratch, int64_t r, const Context& context) {
  const Direction direction(op, at, r, context);
  const SavedSteps saved(op, at, r, op.saved.u8());
  const bool keeps_chunks = op.saved && saved.recomputes;
  const StepMemory& memory = op.saved && !saved.recomputes ? saved.steps : scratch.steps;
  const InputMemory& inputs = scratch.inputs;
  const bool measures = direction.measures(), whole = measures && at.sequence;
  const ForwardSteps steps(direction, memory, inputs, choice, scratch.recurrent, true, context);
  direction.Begin(memory);
  steps.Begin();
  if (whole) {
    for (int64_t s = 0; s < at.T; s += at.run) direction.MultiplyInputs(s, inputs);
    direction.MeasureSequence(inputs);
  }
  for (int64_t s = 0; s < at.T; s += at.run) {
    if (!whole) direction.MultiplyInputs(s, inputs);
    if (measures && !whole && !choice.persistent) direction.MeasureInputs(s, inputs);
    if (keeps_chunks && s % saved.chunk == 0) KeepChunk(saved, at, memory, s, context);
    steps.Run(s);
    const int64_t count = at.steps_from(s);
    if (op.y) WriteStates(direction, r, memory.h, op.y.dtype, s, count, op.y, context);
    if (op.c_all) WriteStates(direction, r, memory.c, DType::kF32, s, count, op.c_all, context);
  }
  if (op.h_last) WriteLast(direction, r, memory.h, op.h_last.dtype, op.h_last, context);
  if (op.c_last) WriteLast(direction, r, memory.c, DType::kF32, op.c_last, context);
}

}  // namespace

OpSizes Sizes(const ops::BnLstm& op, const DeviceFacts& device) {
  const BnLstmLayout at(op);
  return {.saved = SavedSteps(op, at, 0, nullptr).bytes * static_cast<size_t>(at.R),
          .scratch = Scratch(op, at, ChooseForward(op, device), Carver(nullptr)).bytes};
}

OpPlan Plan(const ops::BnLstm& op, const DeviceFacts& device) {
  const BnLstmChoice choice = ChooseForward(op, device);
  return {choice.persistent ? "persistent" : "steps", choice.why};
}

void Run(const ops::BnLstm& op, const Context& context) {
  const BnLstmLayout at(op);
  const BnLstmChoice choice = ChooseForward(op, *context.device);
  const Scratch scratch(op, at, choice, Carver(op.scratch.u8()));
  for (int64_t r = 0; r < at.R; ++r) RunDirection(op, at, choice, scratch, r, context);
}

}  // namespace bnlstm::cuda
