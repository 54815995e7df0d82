#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "core/philox.h"
#include "core/thread_pool.h"
#include "cpu/bn_lstm_layout.h"
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
  /// Element offset of unit j of row n at step s in y, cAll and dy.
  int64_t Output(int64_t s, int64_t n, int64_t j) const {
    return (Place(s, n) * at.B + n) * at.R * at.H + r * at.H + j;
  }
  /// Whether the rows of a step lie side by side in y and dy.
  bool InStep() const { return r == 0 || !op.lengths; }
  /// Element offset of unit j of row n in hT, cT and in initial states given by rows.
  int64_t State(int64_t n, int64_t j) const { return n * at.R * at.H + r * at.H + j; }
  /// Element offset of (table row, gate, unit) in the recurrent and input statistics; of (row,
  /// unit) in the cell statistics.
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
  /// Initial h (without noise) or c of row n.
  float Initial(const Tensor& state, int64_t n, int64_t j) const {
    return state.f32()[op.learned_state ? r * at.H + j : State(n, j)];
  }
  /// Writes [kParameters][width] of block b.
  void Parameters(int64_t b, float* out) const;
};

/// The rows of x in the direction's order as the left operand of products, [T][B] rows of
/// x_depth words: x itself where it will do, or a copy in scratch memory.
class InputRows {
 public:
  explicit InputRows(const Direction& direction);
  /// Words of scratch memory that a direction may need.
  static int64_t ScratchWords(const ops::BnLstmOperands& op, const BnLstmLayout& at);
  /// Lays the copy of these steps; padding (and words beyond D) as zeros. To be called by members
  /// for their share before any of them reads.
  void Gather(Range steps, float* scratch);
  const float* step(int64_t s) const { return words_ + s * direction_.at.B * row_; }
  int64_t row() const { return row_; }  // words from row to row

 private:
  static bool Direct(const ops::BnLstmOperands& op, const BnLstmLayout& at, int64_t r);
  const Direction& direction_;
  const float* words_ = nullptr;
  int64_t row_ = 0;
};

/// Which rows run and count at a step, kept by each member for itself.
class StepRows {
 public:
  explicit StepRows(const Direction& direction);
  const Rows& At(int64_t s);

 private:
  const Direction& direction_;
  std::vector<uint8_t> running_;
  Rows rows_;
};

/// The statistics of a block at a step, [kStatistics][width]: measured, or read from the op's
/// tables, clamped, row by row where the rows stand at different steps of population tables.
class StepStatistics {
 public:
  explicit StepStatistics(const Direction& direction);
  BlockStatistics Load(int64_t s, int64_t b);
  float* Row(int statistic, int64_t b) { return values_.data() + statistic * Width(b); }
  /// From the row of a statistic, which was measured, to the table.
  void Save(const Tensor& table, int64_t s, int64_t b, int statistic);
  void LoadInputs(int64_t s, int64_t b);

 private:
  int64_t Width(int64_t b) const { return direction_.at.units.width(b); }
  void Copy(const Tensor& table, int64_t offset, int64_t b, float* to) const;
  void Gates(int64_t row, int64_t s, int64_t b, int mean, int var);
  void All(int64_t row, int64_t s, int64_t b);

  const Direction& direction_;
  bool by_row_ = false;
  std::vector<float> values_;
};

/// Zoneout of one block at one step.
class StepZoneout {
 public:
  explicit StepZoneout(const Direction& direction);
  void Load(int64_t s, int64_t b, Zoneout* c, Zoneout* h);

 private:
  void Draw(float rate, uint32_t stream, int64_t s, int64_t b, std::vector<int32_t>& keep,
            Zoneout* zoneout);

  const Direction& direction_;
  std::vector<int32_t> keep_c_, keep_h_;
};

/// Copies a row of a block: at most as many numbers as a vector has lanes, as a rule all of them.
inline void CopyRow(const float* from, int64_t count, float* to) {
  if (count == 16) {
    std::memcpy(to, from, 16 * sizeof(float));
  } else if (count == 8) {
    std::memcpy(to, from, 8 * sizeof(float));
  } else {
    std::copy_n(from, count, to);
  }
}

/// Members for steps of so many operations. More than there are blocks would wait at every barrier
/// for nothing.
inline int TeamSize(const Context& context, double operations, int64_t blocks) {
  return static_cast<int>(std::min<int64_t>(context.ThreadsFor(operations), blocks));
}

/// The blocks of a member: in backward it computes dh of its own units, so that their gradients
/// need no exchange.
inline Range OwnBlocks(const BnLstmLayout& at, const Team& team) {
  // By half blocks, so that a half one at the end counts as what it costs.
  const int64_t count = at.units.count();
  const int64_t halves = 2 * count - (at.units.is_half(count - 1) ? 1 : 0);
  const Range share = Share(halves, team);
  return {(share.begin + 1) / 2, team.rank() + 1 == team.size() ? count : (share.end + 1) / 2};
}

/// Whether a run was cancelled, as the members of a team tell each other.
struct StopFlags {
  const Context& context;
  std::atomic<bool> stop[2] = {false, false};
};

/// A member's barrier by which all learn at the same wait that the run was cancelled. Two flags in
/// turn: one is read while rank 0 may already be setting the other. Every member waits equally
/// often, so its own count tells which.
class StepBarrier {
 public:
  StepBarrier(StopFlags& flags, Team& team) : flags_(flags), team_(team) {}
  /// False: stop.
  bool Wait() {
    std::atomic<bool>& stop = flags_.stop[waits_++ & 1];
    if (team_.rank() == 0 && flags_.context.Cancelled()) {
      stop.store(true, std::memory_order_relaxed);
    }
    team_.Barrier();
    return !stop.load(std::memory_order_relaxed);
  }

 private:
  StopFlags& flags_;
  Team& team_;
  uint64_t waits_ = 0;
};

}  // namespace bnlstm::cpu
