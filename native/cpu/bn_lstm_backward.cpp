// Backward over a whole sequence (docs/paper.md section 1.2). A member owns the same hidden units
// as in forward, so every column reduction is local. Members exchange dA^T (and dB^T where x wants
// a gradient) once per step through two buffers in turn; the carried gradients of a member's own
// units it computes itself from dA^T, hence one barrier per step.
#include <algorithm>

#include "cpu/bn_lstm_sequence.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

struct Scratch {
  float* x;      // [T][B][d_lanes]
  float* dh;     // [4 h_panels][lanes], carried
  float* dc;     // [H][lanes], carried
  float* da;     // [2][H][4][lanes]
  float* db;     // [2][H][4][lanes], or of all T steps where they wait for sums over the sequence
  float* dwh;    // [H][4][h_lanes]
  float* dwx;    // [H][4][d_lanes]
  double* sums;  // [H][kUnitSums]

  Scratch(const BnLstmLayout& at, Carver carve) {
    const int64_t gates = at.H * 4 * at.lanes;
    x = at.tokens ? nullptr : carve.Floats(at.T * at.B * at.d_lanes);
    dh = carve.Floats(at.h_panels * kPanel * at.lanes);
    dc = carve.Floats(at.H * at.lanes);
    da = carve.Floats(2 * gates);
    db = carve.Floats((at.sequence ? at.T : 2) * gates);
    dwh = carve.Floats(at.H * 4 * at.h_lanes);
    dwx = carve.Floats(at.H * 4 * at.d_lanes);
    sums = reinterpret_cast<double*>(carve.Floats(at.H * kUnitSums * 2));
    bytes = carve.bytes();
  }
  size_t bytes;
};

class Backward {
 public:
  Backward(const ops::BnLstmBackward& op, const BnLstmLayout& at, const Scratch& scratch, int64_t r,
           StepBarrier& barrier)
      : op_(op), at_(at), scratch_(scratch), direction_{op, at, r}, r_(r), barrier_(barrier) {}

  /// False: cancelled.
  bool Run(Team& team) {
    Member m(*this, team);
    Prepare(team, m);
    team.Barrier();
    for (int64_t s = at_.T - 1; s >= 0; --s) {
      for (int64_t j = m.units.begin; j < m.units.end; ++j) Step(m, s, j);
      if (!barrier_.Wait(team, s)) return false;
      CarryHidden(m, s);
      if (op_.dx && !at_.sequence) InputGradient(m, s);
    }
    if (at_.sequence) {
      for (int64_t j = m.units.begin; j < m.units.end; ++j) NormalizeSequence(m, j);
      team.Barrier();
      for (int64_t s = 0; s < at_.T && op_.dx; ++s) InputGradient(m, s);
    }
    Finish(m);
    return true;
  }

 private:
  struct Member {
    Range units;
    Range inputs;  // of the panels of dx
    StepRows rows;
    StepNorms norms;
    StepZoneout zoneout;
    std::vector<float> by_row;  // [B][4]: the gradients of a unit's gates, for the weight products
    std::vector<float> panel;   // [4][lanes]
    std::vector<float> c0;      // [lanes]
    Member(const Backward& f, const Team& team)
        : units(Units(f.at_, team)),
          inputs(Share(f.at_.d_panels, team)),
          rows(f.direction_),
          norms(f.direction_),
          zoneout(f.direction_),
          by_row(4 * f.at_.B),
          panel(kPanel * f.at_.lanes),
          c0(f.at_.lanes) {}
  };

  const float* Saved(int64_t s, int64_t j) const {
    return op_.saved.f32() + at_.saved_unit(r_, s, j);
  }
  const float* SavedCell(int64_t s, int64_t j) const {
    return Saved(s, j) + (at_.saved_rows() - 1) * at_.lanes;
  }
  float* GateGradients(float* base, int64_t slot, int64_t j) const {
    return base + (slot * at_.H + j) * 4 * at_.lanes;
  }
  float* InputGateGradients(int64_t s, int64_t j) const {
    return GateGradients(scratch_.db, at_.sequence ? s : s & 1, j);
  }
  double* Sums(int64_t j) const { return scratch_.sums + j * kUnitSums; }
  float* WeightGradients(float* base, int64_t j, int64_t lanes) const {
    return base + j * 4 * lanes;
  }

  void Prepare(Team& team, Member& m) {
    if (!at_.tokens) direction_.GatherByInput(Share(at_.T, team), scratch_.x);
    const int64_t panels_end = RoundUp(m.units.end, kPanel);
    std::fill(scratch_.dh + m.units.begin * at_.lanes, scratch_.dh + panels_end * at_.lanes, 0.0f);
    for (int64_t j = m.units.begin; j < m.units.end; ++j) {
      float* dc = scratch_.dc + j * at_.lanes;
      float* dh = scratch_.dh + j * at_.lanes;
      std::fill(dc, dc + at_.lanes, 0.0f);
      for (int64_t n = 0; n < at_.B; ++n) {
        if (op_.dc_last) dc[n] = op_.dc_last.f32()[direction_.State(n, j)];
        if (op_.dh_last) dh[n] = op_.dh_last.f32()[direction_.State(n, j)];
      }
      float* dwh = WeightGradients(scratch_.dwh, j, at_.h_lanes);
      float* dwx = WeightGradients(scratch_.dwx, j, at_.d_lanes);
      std::fill(dwh, dwh + 4 * at_.h_lanes, 0.0f);
      std::fill(dwx, dwx + 4 * at_.d_lanes, 0.0f);
      std::fill(Sums(j), Sums(j) + kUnitSums, 0.0);
    }
  }

  void Step(Member& m, int64_t s, int64_t j) {
    UnitBackward u;
    u.normalize = at_.normalize;
    u.batch_statistics = !op_.population;
    u.sequence_inputs = at_.sequence;
    u.rows = m.rows.At(s);
    u.p = direction_.Parameters(j);
    u.stride = at_.lanes;
    u.a = Saved(s, j);
    u.b = u.a + 4 * at_.lanes;
    u.c = SavedCell(s, j);
    u.c_prev = s > 0 ? SavedCell(s - 1, j) : InitialCell(m, j);
    if (at_.normalize) m.norms.Load(s, j, u.norm_a, u.norm_b, &u.norm_c);
    m.zoneout.Load(s, j, &u.zoneout_c, &u.zoneout_h);
    u.dh = scratch_.dh + j * at_.lanes;
    u.dc = scratch_.dc + j * at_.lanes;
    for (int64_t n = 0; n < at_.B && op_.dy; ++n)
      u.dh[n] += op_.dy.f32()[direction_.Output(s, n, j)];
    u.da = GateGradients(scratch_.da, s & 1, j);
    u.db = InputGateGradients(s, j);
    u.sums = Sums(j);
    RunUnit(u);

    Interleave(u.da, m.by_row);
    MultiplyPanel(at_.B, m.by_row.data(), op_.saved.f32() + at_.saved_h(r_, s), at_.h_lanes,
                  at_.h_lanes, WeightGradients(scratch_.dwh, j, at_.h_lanes), at_.h_lanes);
    if (!at_.sequence) InputWeightGradient(m, s, j, u.db);
  }

  const float* InitialCell(Member& m, int64_t j) const {
    for (int64_t n = 0; n < at_.B; ++n) m.c0[n] = direction_.Initial(op_.c0, n, j);
    return m.c0.data();
  }

  /// [4][lanes] -> [B][4]: the order in which MultiplyPanel takes its weights.
  void Interleave(const float* gates, std::vector<float>& by_row) const {
    for (int64_t n = 0; n < at_.B; ++n)
      for (int64_t g = 0; g < 4; ++g) by_row[n * 4 + g] = gates[g * at_.lanes + n];
  }

  void InputWeightGradient(Member& m, int64_t s, int64_t j, const float* db) {
    float* dwx = WeightGradients(scratch_.dwx, j, at_.d_lanes);
    if (!at_.tokens) {
      Interleave(db, m.by_row);
      MultiplyPanel(at_.B, m.by_row.data(), scratch_.x + s * at_.B * at_.d_lanes, at_.d_lanes,
                    at_.d_lanes, dwx, at_.d_lanes);
      return;
    }
    for (int64_t n = 0; n < at_.B; ++n) {
      if (op_.valid_rows && s >= direction_.Length(n)) continue;
      const int64_t token = op_.tokens_in.i32()[direction_.Place(s, n) * at_.B + n];
      for (int64_t g = 0; g < 4; ++g) dwx[g * at_.d_lanes + token] += db[g * at_.lanes + n];
    }
  }

  /// dh_{t-1} of the member's units: dA Wh^T on top of what RunUnit left for rows that passed by.
  void CarryHidden(Member& m, int64_t s) const {
    for (int64_t j = m.units.begin; j < m.units.end; j += kPanel)
      MultiplyPanel(4 * at_.H, op_.packed.f32() + at_.wh_panel(r_, j / kPanel),
                    GateGradients(scratch_.da, s & 1, 0), at_.lanes, at_.lanes,
                    scratch_.dh + j * at_.lanes, at_.lanes);
  }

  /// dx of one step, some of its inputs: dB Wx^T, written where x had the row.
  void InputGradient(Member& m, int64_t s) const {
    for (int64_t p = m.inputs.begin; p < m.inputs.end; ++p) {
      std::fill(m.panel.begin(), m.panel.end(), 0.0f);
      MultiplyPanel(4 * at_.H, op_.packed.f32() + at_.wx_panel(r_, p), InputGateGradients(s, 0),
                    at_.lanes, at_.lanes, m.panel.data(), at_.lanes);
      const int64_t width = std::min(kPanel, at_.D - p * kPanel);
      for (int64_t n = 0; n < at_.B; ++n) {
        float* dx = op_.dx.f32() + (direction_.Place(s, n) * at_.B + n) * at_.D + p * kPanel;
        for (int64_t q = 0; q < width; ++q) {
          const float value = m.panel[q * at_.lanes + n];
          dx[q] = r_ == 0 ? value : dx[q] + value;
        }
      }
    }
  }

  /// With input statistics over the whole sequence dB needs sums over all its steps.
  void NormalizeSequence(Member& m, int64_t j) {
    const UnitParameters p = direction_.Parameters(j);
    const int64_t count = direction_.RunningRows();
    for (int64_t s = 0; s < at_.T; ++s) {
      Norm a[4], b[4], c;
      m.norms.Load(s, j, a, b, &c);
      Rows rows = m.rows.At(s);
      rows.inverse_count = op_.population || count == 0 ? 0.0f : 1.0f / static_cast<float>(count);
      float* db = InputGateGradients(s, j);
      for (int64_t g = 0; g < 4; ++g)
        NormalizeInputGradient(Saved(s, j) + (4 + g) * at_.lanes, b[g], rows, p.gamma_x[g] * b[g].r,
                               static_cast<float>(Sums(j)[kSumBias + g]),
                               static_cast<float>(Sums(j)[kSumGammaX + g]), db + g * at_.lanes);
      InputWeightGradient(m, s, j, db);
    }
  }

  void Finish(Member& m) const {
    for (int64_t j = m.units.begin; j < m.units.end; ++j) {
      const double* sums = Sums(j);
      for (int64_t g = 0; g < 4; ++g) {
        const int64_t column = (r_ * 4 + g) * at_.H + j;
        op_.db.f32()[column] = static_cast<float>(sums[kSumBias + g]);
        if (!at_.normalize) continue;
        op_.dgamma_h.f32()[column] = static_cast<float>(sums[kSumGammaH + g]);
        op_.dgamma_x.f32()[column] = static_cast<float>(sums[kSumGammaX + g]);
      }
      const int64_t unit = r_ * at_.H + j;
      if (at_.normalize) op_.dgamma_c.f32()[unit] = static_cast<float>(sums[kSumGammaC]);
      if (op_.dbeta_c) op_.dbeta_c.f32()[unit] = static_cast<float>(sums[kSumBetaC]);
      FinishState(op_.dh0, scratch_.dh + j * at_.lanes, j);
      FinishState(op_.dc0, scratch_.dc + j * at_.lanes, j);
    }
    FinishWeights(m.units, op_.dwh.f32() + r_ * at_.H * 4 * at_.H, scratch_.dwh, at_.H,
                  at_.h_lanes);
    FinishWeights(m.units, op_.dwx.f32() + r_ * at_.D * 4 * at_.H, scratch_.dwx, at_.D,
                  at_.d_lanes);
  }

  /// The gradient of an initial state: row by row, or of the vector that all rows share.
  void FinishState(const Tensor& out, const float* gradient, int64_t j) const {
    double sum = 0;
    for (int64_t n = 0; n < at_.B; ++n) {
      if (!op_.learned_state) out.f32()[direction_.State(n, j)] = gradient[n];
      sum += gradient[n];
    }
    if (op_.learned_state) out.f32()[r_ * at_.H + j] = static_cast<float>(sum);
  }

  void FinishWeights(Range units, float* out, const float* gradients, int64_t rows,
                     int64_t lanes) const {
    for (int64_t k = 0; k < rows; ++k)
      for (int64_t g = 0; g < 4; ++g)
        for (int64_t j = units.begin; j < units.end; ++j)
          out[(k * 4 + g) * at_.H + j] = gradients[(j * 4 + g) * lanes + k];
  }

  const ops::BnLstmBackward& op_;
  const BnLstmLayout& at_;
  const Scratch& scratch_;
  const Direction direction_;
  const int64_t r_;
  StepBarrier& barrier_;
};

}  // namespace

OpSizes Sizes(const ops::BnLstmBackward& op) {
  return {.scratch = Scratch(BnLstmLayout(op), Carver(nullptr)).bytes};
}

void Run(const ops::BnLstmBackward& op, const Context& context) {
  const BnLstmLayout at(op);
  const Scratch scratch(at, Carver(op.scratch.u8()));
  const double step = 16.0 * static_cast<double>(at.H * (at.H + (at.tokens ? 1 : at.D)) * at.lanes);
  StepBarrier barrier(context);
  ThreadPool::Shared().Run(context.ThreadsFor(step), [&](Team& team) {
    for (int64_t r = 0; r < at.R; ++r) {
      Backward backward(op, at, scratch, r, barrier);
      if (!backward.Run(team)) return;
      team.Barrier();  // scratch is for one direction
    }
  });
}

}  // namespace bnlstm::cpu
