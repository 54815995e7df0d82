// Forward over a whole sequence. A member of the team owns blocks of hidden units: it computes
// their four gates for the whole batch, so statistics, cell and output stay with it. Members
// exchange h once per step, hence one barrier per step.
#include <algorithm>

#include "cpu/bn_lstm_saved.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// Of one direction after the other.
struct Scratch {
  float* x;           // rows of x, where x itself will not do
  float* parameters;  // [blocks][kParameters][width]
  float* inputs;      // of ForwardSteps
  StepMemory steps;   // where nothing is saved

  Scratch(const ops::BnLstm& op, const BnLstmLayout& at, Carver carve)
      : x(carve.Floats(InputRows::ScratchWords(op, at))),
        parameters(carve.Floats(kParameters * at.units.padded())),
        inputs(carve.Floats(ForwardSteps::InputFloats(at, at.sequence && !op.population))),
        steps(at, carve, false, 0, at.T),
        bytes(carve.bytes()) {}
  size_t bytes;
};

/// h_T and c_T of a member's blocks.
void WriteLast(const ops::BnLstm& op, const Direction& direction, const StepMemory& steps,
               Range blocks) {
  const BnLstmLayout& at = direction.at;
  for (int64_t b = blocks.begin; b < blocks.end; ++b) {
    const int64_t width = at.units.width(b), valid = at.units.valid(b), j = at.units.first(b);
    const float* const c = steps.c(at.T, b);
    for (int64_t n = 0; n < at.B; ++n) {
      const int64_t to = direction.State(n, j);
      if (op.h_last)
        CopyValues(at, steps.h(at.T), n * at.h_row() * at.value.per_word + j, op.h_last, to, valid);
      if (op.c_last) std::copy_n(c + n * width, valid, op.c_last.f32() + to);
    }
  }
}

/// False: cancelled.
bool RunDirection(const ops::BnLstm& op, const BnLstmLayout& at, const Scratch& scratch, int64_t r,
                  Team& team, StepBarrier& barrier) {
  const Direction direction{op, at, r};
  SavedSteps saved(op, at, r, op.saved.u8());
  const StepMemory& memory = op.saved && !saved.recomputes() ? saved.steps() : scratch.steps;
  InputRows x(direction);
  x.Gather(Share(at.T, team), scratch.x);
  ForwardSteps steps(direction, memory, x, scratch.parameters, scratch.inputs, &op, team);
  const Range blocks = steps.blocks();
  for (int64_t b = blocks.begin; b < blocks.end; ++b)
    direction.Parameters(b, scratch.parameters + ParametersAt(at, b));
  steps.Begin();
  team.Barrier();
  steps.MeasureSequence();
  for (int64_t s = 0; s < at.T; ++s) {
    if (op.saved) saved.KeepBorder(memory, s, blocks, team);
    steps.Step(s);
    if (!barrier.Wait()) return false;
  }
  WriteLast(op, direction, memory, blocks);
  return true;
}

}  // namespace

OpSizes Sizes(const ops::BnLstm& op, const Kernels& kernels) {
  const BnLstmLayout at(op, kernels);
  return {.saved = SavedSteps::Bytes(op, at), .scratch = Scratch(op, at, Carver(nullptr)).bytes};
}

void Run(const ops::BnLstm& op, const Context& context) {
  const BnLstmLayout at(op, context.kernels);
  const Scratch scratch(op, at, Carver(op.scratch.u8()));
  const double step = 8.0 * static_cast<double>(at.H * (at.H + (at.tokens ? 1 : at.D)) * at.B);
  StopFlags flags{context};
  ThreadPool::Shared().Run(TeamSize(context, step, at.units.count()), [&](Team& team) {
    StepBarrier barrier(flags, team);
    for (int64_t r = 0; r < at.R; ++r) {
      if (!RunDirection(op, at, scratch, r, team, barrier)) return;
      team.Barrier();  // scratch is for one direction
    }
  });
}

}  // namespace bnlstm::cpu
