// Forward over a whole sequence. A member of the team owns hidden units: it computes their four
// gates for the whole batch, so statistics, cell and output stay with it. Members exchange h^T
// once per step through two buffers in turn, hence one barrier per step.
#include <algorithm>
#include <cmath>

#include "cpu/bn_lstm_sequence.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

struct Scratch {
  float* x;       // [T][D][lanes]
  float* h;       // [2][H][lanes]
  float* c;       // [H][lanes]
  float* inputs;  // [T][H][4][lanes]: x Wx of all steps, if statistics need them before the loop

  Scratch(const ops::BnLstm& op, const BnLstmLayout& at, Carver carve) {
    x = at.tokens ? nullptr : carve.Floats(at.T * at.D * at.lanes);
    h = carve.Floats(2 * at.H * at.lanes);
    c = carve.Floats(at.H * at.lanes);
    inputs = at.sequence && !op.population && !op.saved ? carve.Floats(at.T * at.H * 4 * at.lanes)
                                                        : nullptr;
    bytes = carve.bytes();
  }
  size_t bytes;
};

class Forward {
 public:
  Forward(const ops::BnLstm& op, const BnLstmLayout& at, const Scratch& scratch, int64_t r,
          StepBarrier& barrier)
      : op_(op), at_(at), scratch_(scratch), direction_{op, at, r}, r_(r), barrier_(barrier) {}

  /// False: cancelled.
  bool Run(Team& team) {
    Member m(*this, team);
    Prepare(team, m);
    team.Barrier();
    if (at_.sequence && !op_.population) NormalizeSequence(m);
    for (int64_t s = 0; s < at_.T; ++s) {
      for (int64_t j = m.units.begin; j < m.units.end; ++j) Step(m, s, j);
      if (!barrier_.Wait(team, s)) return false;
    }
    for (int64_t j = m.units.begin; j < m.units.end; ++j) Finish(j);
    return true;
  }

 private:
  /// What each member keeps for itself.
  struct Member {
    Range units;
    StepRows rows;
    StepNorms norms;
    StepZoneout zoneout;
    std::vector<float> a, b, gate_o;
    Member(const Forward& f, const Team& team)
        : units(Units(f.at_, team)),
          rows(f.direction_),
          norms(f.direction_),
          zoneout(f.direction_),
          a(4 * f.at_.lanes),
          b(4 * f.at_.lanes),
          gate_o(f.at_.lanes) {}
  };

  float* Hidden(int64_t s) const { return scratch_.h + (s & 1) * at_.H * at_.lanes; }
  float* Saved(int64_t s, int64_t j) const { return op_.saved.f32() + at_.saved_unit(r_, s, j); }
  /// x Wx of unit j at step s, four rows: kept where there is room, else in the member's own.
  float* Inputs(Member& m, int64_t s, int64_t j) const {
    if (op_.saved && at_.normalize) return Saved(s, j) + 4 * at_.lanes;
    if (scratch_.inputs) return scratch_.inputs + (s * at_.H + j) * 4 * at_.lanes;
    return m.b.data();
  }

  void Prepare(Team& team, Member& m) {
    if (!at_.tokens) direction_.GatherByBatch(Share(at_.T, team), scratch_.x);
    const uint32_t attempt = op_.attempt ? static_cast<uint32_t>(op_.attempt.i32()[0]) : 0;
    const Philox random{op_.seed, op_.stream, attempt};
    for (int64_t j = m.units.begin; j < m.units.end; ++j) {
      float* h = Hidden(0) + j * at_.lanes;
      float* c = scratch_.c + j * at_.lanes;
      std::fill(h, h + at_.lanes, 0.0f);
      std::fill(c, c + at_.lanes, 0.0f);
      for (int64_t n = 0; n < at_.B; ++n) {
        h[n] = direction_.Initial(op_.h0, n, j);
        c[n] = direction_.Initial(op_.c0, n, j);
        if (op_.noise != 0)
          h[n] += op_.noise * random.Normal(static_cast<uint64_t>(direction_.State(n, j)));
      }
      KeepHidden(0, j, h);
    }
  }

  void MultiplyInputs(int64_t s, int64_t j, float* b) const {
    const float* w = op_.packed.f32() + at_.wx_unit(r_, j);
    std::fill(b, b + 4 * at_.lanes, 0.0f);
    if (!at_.tokens) {
      MultiplyPanel(at_.D, w, scratch_.x + s * at_.D * at_.lanes, at_.lanes, at_.lanes, b,
                    at_.lanes);
      return;
    }
    for (int64_t n = 0; n < at_.B; ++n) {
      const int64_t token = op_.tokens_in.i32()[direction_.Place(s, n) * at_.B + n];
      for (int64_t g = 0; g < 4; ++g) b[g * at_.lanes + n] = w[token * 4 + g];
    }
  }

  /// Statistics of the inputs over all steps together (the paper's BN-e*): needs x Wx of them all.
  void NormalizeSequence(Member& m) {
    const double count = static_cast<double>(std::max<int64_t>(direction_.RunningRows(), 1));
    for (int64_t j = m.units.begin; j < m.units.end; ++j) {
      for (int64_t s = 0; s < at_.T; ++s) MultiplyInputs(s, j, Inputs(m, s, j));
      for (int64_t g = 0; g < 4; ++g) {
        double sum = 0, squares = 0;
        ForEachInput(m, j, g, [&](float b) { sum += b; });
        const double mean = sum / count;
        ForEachInput(m, j, g, [&](float b) { squares += (b - mean) * (b - mean); });
        const int64_t to = direction_.GateStatistic(op_.stats.input_mean, 0, g, j);
        op_.stats.input_mean.f32()[to] = static_cast<float>(mean);
        op_.stats.input_var.f32()[to] = static_cast<float>(squares / count);
      }
    }
  }

  template <class Visit>
  void ForEachInput(Member& m, int64_t j, int64_t g, Visit visit) {
    for (int64_t s = 0; s < at_.T; ++s) {
      const float* b = Inputs(m, s, j) + g * at_.lanes;
      for (int64_t n = 0; n < at_.B; ++n)
        if (s < direction_.Length(n)) visit(b[n]);
    }
  }

  void Step(Member& m, int64_t s, int64_t j) {
    UnitForward u;
    u.normalize = at_.normalize;
    u.batch_statistics = !op_.population;
    u.eps = op_.eps;
    u.rows = m.rows.At(s);
    u.p = direction_.Parameters(j);
    u.stride = at_.lanes;
    u.a = op_.saved ? Saved(s, j) : m.a.data();
    float* b = Inputs(m, s, j);
    u.b = b;
    if (!(at_.sequence && !op_.population)) MultiplyInputs(s, j, b);
    std::fill(u.a, u.a + 4 * at_.lanes, 0.0f);
    MultiplyPanel(at_.H, op_.packed.f32() + at_.wh_unit(r_, j), Hidden(s), at_.lanes, at_.lanes,
                  u.a, at_.lanes);
    if (at_.normalize) {
      if (!op_.population) MeasureGates(u, s, j);
      m.norms.Load(s, j, u.norm_a, u.norm_b, &u.norm_c);
      const int64_t cell = direction_.CellStatistic(op_.population ? 0 : s, j);
      u.cell_mean = op_.stats.cell_mean.f32() + cell;
      u.cell_var = op_.stats.cell_var.f32() + cell;
    }
    m.zoneout.Load(s, j, &u.zoneout_c, &u.zoneout_h);
    u.h_prev = Hidden(s) + j * at_.lanes;
    u.c = scratch_.c + j * at_.lanes;
    u.c_prev = u.c;
    u.h = Hidden(s + 1) + j * at_.lanes;
    u.gate_o = m.gate_o.data();
    RunUnit(u);

    if (op_.saved) {
      float* c = Saved(s, j) + (at_.saved_rows() - 1) * at_.lanes;
      std::copy(u.c, u.c + at_.lanes, c);
    }
    if (s + 1 < at_.T) KeepHidden(s + 1, j, u.h);
    for (int64_t n = 0; n < at_.B && op_.y; ++n) op_.y.f32()[direction_.Output(s, n, j)] = u.h[n];
    for (int64_t n = 0; n < at_.B && op_.c_all; ++n)
      op_.c_all.f32()[direction_.Output(s, n, j)] = u.c[n];
  }

  void MeasureGates(const UnitForward& u, int64_t s, int64_t j) const {
    for (int64_t g = 0; g < 4; ++g) {
      const int64_t to = direction_.GateStatistic(op_.stats.recurrent_mean, s, g, j);
      BatchStatistics(u.a + g * at_.lanes, u.rows, op_.stats.recurrent_mean.f32() + to,
                      op_.stats.recurrent_var.f32() + to);
      if (!at_.sequence)
        BatchStatistics(u.b + g * at_.lanes, u.rows, op_.stats.input_mean.f32() + to,
                        op_.stats.input_var.f32() + to);
    }
  }

  /// h_{s-1} with the units in lanes, for backward's dWh.
  void KeepHidden(int64_t s, int64_t j, const float* h) const {
    if (!op_.saved) return;
    float* to = op_.saved.f32() + at_.saved_h(r_, s) + j;
    for (int64_t n = 0; n < at_.B; ++n) to[n * at_.h_lanes] = h[n];
  }

  void Finish(int64_t j) const {
    const float* h = Hidden(at_.T) + j * at_.lanes;
    const float* c = scratch_.c + j * at_.lanes;
    for (int64_t n = 0; n < at_.B; ++n) {
      if (op_.h_last) op_.h_last.f32()[direction_.State(n, j)] = h[n];
      if (op_.c_last) op_.c_last.f32()[direction_.State(n, j)] = c[n];
    }
  }

  const ops::BnLstm& op_;
  const BnLstmLayout& at_;
  const Scratch& scratch_;
  const Direction direction_;
  const int64_t r_;
  StepBarrier& barrier_;
};

}  // namespace

OpSizes Sizes(const ops::BnLstm& op) {
  const BnLstmLayout at(op);
  return {.saved = static_cast<size_t>(at.saved()) * sizeof(float),
          .scratch = Scratch(op, at, Carver(nullptr)).bytes};
}

void Run(const ops::BnLstm& op, const Context& context) {
  const BnLstmLayout at(op);
  const Scratch scratch(op, at, Carver(op.scratch.u8()));
  const double step = 8.0 * static_cast<double>(at.H * (at.H + (at.tokens ? 1 : at.D)) * at.lanes);
  StepBarrier barrier(context);
  ThreadPool::Shared().Run(context.ThreadsFor(step), [&](Team& team) {
    for (int64_t r = 0; r < at.R; ++r) {
      Forward forward(op, at, scratch, r, barrier);
      if (!forward.Run(team)) return;
      team.Barrier();  // scratch is for one direction
    }
  });
}

}  // namespace bnlstm::cpu
