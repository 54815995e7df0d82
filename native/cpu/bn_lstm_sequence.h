#pragma once

#include <atomic>
#include <vector>

#include "core/philox.h"
#include "core/thread_pool.h"
#include "cpu/bn_lstm_layout.h"
#include "cpu/bn_lstm_unit.h"
#include "cpu/engine.h"

namespace bnlstm::cpu {

/// What forward and backward share about one direction: order of the steps, statistics by place.
struct Direction {
  const ops::BnLstmOperands& op;
  const BnLstmLayout& at;
  const int64_t r;

  int64_t Length(int64_t n) const { return op.lengths ? op.lengths.i32()[n] : at.T; }
  /// The place in x and y of row n at the direction's step s (its own inverse): direction 1 walks
  /// the unpadded part backwards and leaves the padding at the end.
  int64_t Place(int64_t s, int64_t n) const {
    const int64_t length = Length(n);
    return r == 0 || s >= length ? s : length - 1 - s;
  }
  /// Float offset of unit j of row n at step s in y, cAll and dy.
  int64_t Output(int64_t s, int64_t n, int64_t j) const {
    return (Place(s, n) * at.B + n) * at.R * at.H + r * at.H + j;
  }
  /// Float offset of unit j of row n in hT, cT and in initial states given by rows.
  int64_t State(int64_t n, int64_t j) const { return n * at.R * at.H + r * at.H + j; }
  /// Float offset of (table row, gate, unit) in the recurrent and input statistics; of (row, unit)
  /// in the cell statistics.
  int64_t GateStatistic(const Tensor& table, int64_t row, int64_t g, int64_t j) const {
    return ((r * table.shape[1] + row) * 4 + g) * at.H + j;
  }
  int64_t CellStatistic(int64_t row, int64_t j) const {
    return (r * op.table_steps + row) * at.H + j;
  }
  /// Rows that run, over all steps: what statistics of the whole sequence are divided by.
  int64_t RunningRows() const {
    int64_t count = 0;
    for (int64_t n = 0; n < at.B; ++n) count += Length(n);
    return count;
  }
  /// The parameters of unit j; absent ones (norm 'none') are zero and not used.
  UnitParameters Parameters(int64_t j) const;
  /// Initial h (without noise) or c of row n.
  float Initial(const Tensor& state, int64_t n, int64_t j) const {
    return state.f32()[op.learned_state ? r * at.H + j : State(n, j)];
  }
  /// Steps begin..end of x in the direction's order, padding steps (and padding lanes) as zeros:
  /// with the batch in lanes, out[s][D][lanes], or the inputs, out[s][B][d_lanes].
  void GatherByBatch(Range steps, float* out) const;
  void GatherByInput(Range steps, float* out) const;
};

/// The lane masks of one step, kept by each member for itself.
class StepRows {
 public:
  explicit StepRows(const Direction& direction);
  const Rows& At(int64_t s);

 private:
  const Direction& direction_;
  std::vector<int32_t> running_, counted_;
  Rows rows_;
};

/// The statistics by which a unit is normalised at a step: those of the batch, as bnLstm wrote
/// them, or the population tables, clamped, row by row where the rows stand at different steps.
class StepNorms {
 public:
  explicit StepNorms(const Direction& direction);
  void Load(int64_t s, int64_t j, Norm* a, Norm* b, Norm* c);

 private:
  Norm At(const Tensor& mean, const Tensor& var, int64_t s, int64_t stride, int64_t offset,
          int slot);

  const Direction& direction_;
  bool by_row_ = false;
  int64_t first_ = 0;
  std::vector<float> lanes_;
};

/// Zoneout of one unit at one step.
class StepZoneout {
 public:
  explicit StepZoneout(const Direction& direction);
  void Load(int64_t s, int64_t j, Zoneout* c, Zoneout* h);

 private:
  void Draw(float rate, uint32_t stream, int64_t s, int64_t j, std::vector<int32_t>& keep,
            Zoneout* zoneout);

  const Direction& direction_;
  std::vector<int32_t> keep_c_, keep_h_;
};

/// The hidden units of a member: whole panels of four, so that the rows of Wh^T it multiplies in
/// backward are its own units and their gradients need no exchange.
inline Range Units(const BnLstmLayout& at, const Team& team) {
  const Range panels = Share(at.h_panels, team);
  return {panels.begin * kPanel, std::min(panels.end * kPanel, at.H)};
}

/// A barrier by which all members learn at the same step that the run was cancelled. Two flags in
/// turn: one is read while rank 0 may already be setting the other.
class StepBarrier {
 public:
  explicit StepBarrier(const Context& context) : context_(context) {}
  /// False: stop.
  bool Wait(Team& team, int64_t step) {
    std::atomic<bool>& stop = stop_[step & 1];
    if (team.rank() == 0 && context_.Cancelled()) stop.store(true, std::memory_order_relaxed);
    team.Barrier();
    return !stop.load(std::memory_order_relaxed);
  }

 private:
  const Context& context_;
  std::atomic<bool> stop_[2] = {false, false};
};

}  // namespace bnlstm::cpu
