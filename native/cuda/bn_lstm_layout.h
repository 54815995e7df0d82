#pragma once

#include <algorithm>

#include "core/carver.h"
#include "ops/bn_lstm.h"

namespace bnlstm::cuda {

// How the CUDA engine lays a BN-LSTM out. A hidden unit's numbers of the whole batch lie side by
// side, so that the warp that owns the unit reads and writes lines, and statistics are sums over its
// lanes:
//
//     unit-major   [columns][steps of a run][padded rows], a column being a unit or a gate of one;
//                  matrices of cuBLAS with a row for each (step, row of the batch)
//     a run        so many steps that the products which need not wait for one another (x Wx, dWx,
//                  dWh, dx) are done for all of them together
//     padded rows  the batch rounded up to 8, zeros beyond it: rows of 16 bytes in bf16
//
// x, y and their gradients keep the order of the contract; kernels at the borders of a run turn them.

/// Steps of a run, and rows of its products, at most. Where what goes before and after a run is done
/// beside others, runs are short: what goes before the first and after the last is beside none. In the
/// emulator all are so short that tests have several.
struct RunLimits {
  int64_t steps, rows;
};
constexpr RunLimits LimitsOf(ops::BnLstmPlan plan) {
  const bool overlapped = plan == ops::BnLstmPlan::kOverlapped;
#ifdef BNLSTM_EMULATOR
  return overlapped ? RunLimits{2, 256} : RunLimits{3, 512};
#else
  return overlapped ? RunLimits{32, 2048} : RunLimits{256, 4096};
#endif
}

inline int64_t RoundUp(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

struct BnLstmLayout {
  int64_t T, B, D, H, R;
  int64_t padded;  // rows
  int64_t run;     // steps
  size_t value_bytes;
  bool tokens, normalize, sequence;

  explicit BnLstmLayout(const ops::BnLstmShape& op)
      : T(op.steps),
        B(op.batch),
        D(op.inputs),
        H(op.hidden),
        R(op.directions),
        padded(RoundUp(op.batch, 8)),
        run(RunSteps(LimitsOf(op.plan), padded, op.steps)),
        value_bytes(op.bf16 ? 2 : 4),
        tokens(op.tokens),
        normalize(op.normalize),
        sequence(op.normalize && op.sequence_inputs) {}

  static int64_t RunSteps(const RunLimits& most, int64_t padded, int64_t steps) {
    return std::clamp<int64_t>(std::min(most.steps, most.rows / padded), 1, steps);
  }
  /// From column to column of a run.
  int64_t stride() const { return run * padded; }
  int64_t runs(int64_t steps) const { return (steps + run - 1) / run; }
  /// Steps of the run that begins at step s.
  int64_t steps_from(int64_t s) const { return std::min(run, T - s); }
  /// Elements of Wx or of Wh in `packed`: [R]{Wx [D][4H], Wh [H][4H]}, values.
  int64_t packed_direction() const { return (D + H) * 4 * H; }
  /// Steps that are kept together: all of them, or a chunk that backward runs again.
  static int64_t ChunkSteps(const ops::BnLstmShape& op, const BnLstmLayout& at) {
    if (op.recompute == 0) return at.T;
    return std::min(RoundUp(std::min(op.recompute, at.T), at.run), at.T);
  }
};

/// A piece of unit-major memory for some runs, used in turn: of step s it has [columns], `stride()`
/// elements apart, each with the padded rows of the step.
class RunMemory {
 public:
  RunMemory() = default;
  RunMemory(const BnLstmLayout& at, Carver& carve, int64_t columns, size_t element_bytes,
            int64_t runs)
      : run_(at.run),
        padded_(at.padded),
        element_bytes_(element_bytes),
        run_bytes_(static_cast<size_t>(columns * at.stride()) * element_bytes),
        runs_(runs),
        data_(carve.Bytes(run_bytes_ * static_cast<size_t>(runs))) {}

  uint8_t* At(int64_t s) const {
    return data_ + run_bytes_ * static_cast<size_t>(s / run_ % runs_) +
           static_cast<size_t>(s % run_ * padded_) * element_bytes_;
  }
  float* Floats(int64_t s) const { return reinterpret_cast<float*>(At(s)); }
  /// Null where there are none.
  template <class Value>
  Value* Values(int64_t s) const {
    return present() ? reinterpret_cast<Value*>(At(s)) : nullptr;
  }
  bool present() const { return runs_ > 0; }

 private:
  int64_t run_ = 1, padded_ = 0;
  size_t element_bytes_ = 0, run_bytes_ = 0;
  int64_t runs_ = 0;
  uint8_t* data_ = nullptr;
};

/// What the steps of one direction leave behind: h and c before and after each step, and what
/// backward wants of the products, the normalised values (with norm 'none' their sum).
struct StepMemory {
  RunMemory h, c;            // of step s: h and c before it; [H] values, [H] f32
  RunMemory kept_a, kept_b;  // [4H] values

  StepMemory() = default;
  /// Of so many runs in turn, each; 0: not kept.
  StepMemory(const BnLstmLayout& at, Carver& carve, int64_t states, int64_t runs_a, int64_t runs_b)
      : h(at, carve, at.H, at.value_bytes, states),
        c(at, carve, at.H, sizeof(float), states),
        kept_a(at, carve, 4 * at.H, at.value_bytes, runs_a),
        kept_b(at, carve, 4 * at.H, at.value_bytes, at.normalize ? runs_b : 0) {}
};

/// The `saved` blob of one direction: the memory of all steps, with `recomputeInputs` without kept_b;
/// or, with `recompute`, h and c before each chunk, [chunks][H][padded], from which backward runs the
/// chunk's steps again. Chunks are whole runs, and inputs are multiplied run by run, so that every
/// product has the same size as without, and the same bits.
struct SavedSteps {
  int64_t chunk = 0;
  bool recomputes = false, recomputes_inputs = false;
  StepMemory steps;
  uint8_t* h = nullptr;
  float* c = nullptr;
  size_t bytes = 0;

  SavedSteps(const ops::BnLstmShape& op, const BnLstmLayout& at, int64_t r, uint8_t* saved) {
    chunk = BnLstmLayout::ChunkSteps(op, at);
    recomputes = chunk < at.T;
    recomputes_inputs = !recomputes && op.recompute_inputs && at.normalize;
    if (saved && r > 0) saved += static_cast<size_t>(r) * SavedSteps(op, at, 0, nullptr).bytes;
    Carver carve(saved);
    const int64_t chunks = (at.T + chunk - 1) / chunk;
    if (recomputes) {
      h = carve.Bytes(static_cast<size_t>(chunks * at.H * at.padded) * at.value_bytes);
      c = carve.Floats(chunks * at.H * at.padded);
    } else {
      const int64_t runs = at.runs(at.T);
      steps = StepMemory(at, carve, at.runs(at.T + 1), runs, recomputes_inputs ? 0 : runs);
    }
    bytes = carve.bytes();
  }
  /// Whether backward needs x Wx again.
  bool multiplies() const { return recomputes || recomputes_inputs; }
  uint8_t* ChunkH(const BnLstmLayout& at, int64_t s) const {
    return h + static_cast<size_t>(s / chunk * at.H * at.padded) * at.value_bytes;
  }
  float* ChunkC(const BnLstmLayout& at, int64_t s) const {
    return c + s / chunk * at.H * at.padded;
  }
};

}  // namespace bnlstm::cuda
