#pragma once

#include "cuda/bn_lstm_sequence.h"
#include "cuda/device/backward_step.h"

namespace bnlstm::cuda {

// The scratch memory of bnLstmBackward.

/// The plan of the pass, and that of forward, by which steps run again to the same bits.
struct BackwardChoices {
  BnLstmChoice backward, forward;

  BackwardChoices(const ops::BnLstmBackward& op, const DeviceFacts& device)
      : backward(ChooseBackward(op, device)), forward(ChooseForward(op, device)) {}
};

/// Of one direction, or of one after the other: each RunMemory of one run, or where runs overlap of two in
/// turn.
struct BackwardScratch {
  InputMemory inputs;
  RecurrentMemory again;  // of forward steps that run again
  StepMemory steps;       // of the chunk that runs again
  RunMemory kept_b;       // of the run whose inputs are multiplied again
  uint8_t* packed = nullptr;
  ExchangeMemory exchange;
  RunMemory dy;      // [H] values
  RunMemory da, db;  // [4H] values; with norm 'none' da is both
  RunMemory dp;      // [4H] of all steps, where input statistics are of the whole sequence
  float *dh, *dc;    // [H][padded], carried
  double* sums;      // [H][kSumsOfUnit]
  float* temporary;  // [5H][padded], for kernels that keep no values in registers
  float* dx;         // [steps of a run][padded][D]
  float* db_rows;    // [steps of a run][padded][4H], of tokens
  size_t bytes;

  BackwardScratch(const ops::BnLstmBackward& op, const BnLstmLayout& at,
                  const BackwardChoices& choices, Carver carve)
      : inputs(op, at, carve,
               SavedSteps(op, at, 0, nullptr).multiplies() ? choices.backward.runs_at_once() : 0,
               choices.backward.runs_at_once()) {
    const SavedSteps saved(op, at, 0, nullptr);
    const int64_t runs = choices.backward.runs_at_once();
    const int64_t chunk_runs = at.runs(saved.chunk);
    if (saved.recomputes) {
      again = RecurrentMemory(at, choices.forward, carve, runs);
      steps = StepMemory(at, carve, chunk_runs + 1, chunk_runs, chunk_runs);
    }
    const auto gates = [&] { return RunMemory(at, carve, 4 * at.H, at.value_bytes, runs); };
    if (saved.recomputes_inputs) kept_b = gates();
    packed = carve.Bytes(PackedBytes(choices.backward, at.value_bytes));
    exchange = ExchangeMemory(at, choices.backward, carve, runs);
    if (op.dy) dy = RunMemory(at, carve, at.H, at.value_bytes, runs);
    da = gates();
    db = at.normalize ? gates() : da;
    if (at.sequence) dp = RunMemory(at, carve, 4 * at.H, sizeof(float), at.runs(at.T));
    dh = carve.Floats(at.H * at.padded);
    dc = carve.Floats(at.H * at.padded);
    sums = reinterpret_cast<double*>(carve.Floats(2 * kSumsOfUnit * at.H));
    const bool by_row = op.population && op.first_step;
    temporary = carve.Floats(by_row || at.padded > 256 ? 5 * at.H * at.padded : 0);
    dx = carve.Floats(op.dx ? at.stride() * at.D : 0);
    db_rows = carve.Floats(at.tokens ? at.stride() * 4 * at.H : 0);
    bytes = carve.bytes();
  }
};

/// Of all: of one direction or two, and dx [T][B][D] in f32, if two are to be added up and rounded once.
struct BothScratch {
  BackwardScratch one, other;
  float* dx_sum;
  size_t bytes;

  BothScratch(const ops::BnLstmBackward& op, const BnLstmLayout& at, const BackwardChoices& choices,
              uint8_t* data)
      : one(op, at, choices, Carver(data)),
        other(op, at, choices,
              Carver(data && choices.backward.together ? data + one.bytes : data)) {
    const size_t before = one.bytes * (choices.backward.together ? 2 : 1);
    Carver carve(data ? data + before : nullptr);
    const bool adds = op.dx && op.bf16 && at.R == 2;
    dx_sum = adds ? carve.Floats(at.T * at.B * at.D) : nullptr;
    bytes = before + carve.bytes();
  }
};

}  // namespace bnlstm::cuda
