// Backward over a whole sequence (docs/paper.md section 1.2). A member owns the same blocks of
// units as in forward, so every column reduction is local. Per step members exchange dA, from which
// each computes the carried gradients of its own units: one barrier. The products that do not feed
// the next step (dWh, dWx, dx) wait until a run of steps is done, so that their sums are long.
#include <algorithm>
#include <cstring>

#include "cpu/bn_lstm_gradients.h"
#include "cpu/bn_lstm_saved.h"
#include "cpu/elements.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// Of one direction after the other.
struct Scratch {
  float* x;
  float* parameters;
  float* inputs;     // of ForwardSteps
  float* dh;         // [Rows(B)], dh_row apart, carried
  float* dc;         // [blocks][B][width], carried
  float* dp;         // of all steps for sequence-wise input statistics, with or without
                     // `recompute`: [T][blocks][B][4][width]
  StepMemory steps;  // of the chunk that is run again
  GradientMemory gradients;

  Scratch(const ops::BnLstmBackward& op, const BnLstmLayout& at, Carver carve)
      : x(carve.Floats(InputRows::ScratchWords(op, at))),
        parameters(carve.Floats(kParameters * at.units.padded())),
        inputs(carve.Floats(ForwardSteps::InputFloats(at, false))),
        dh(carve.Floats(at.Rows(at.B) * at.dh_row())),
        dc(carve.Floats(at.B * at.units.padded())),
        dp(carve.Floats(at.sequence ? at.T * at.B * 4 * at.units.padded() : 0)) {
    const SavedSteps saved(op, at, 0, nullptr);
    if (saved.recomputes()) steps = StepMemory(at, carve, true, 0, saved.chunk());
    gradients = GradientMemory(op, at, carve);
    bytes = carve.bytes();
  }
  size_t bytes;
};

/// One member's part of one direction.
class Backward {
 public:
  Backward(const ops::BnLstmBackward& op, const Direction& direction, const Scratch& scratch,
           const SavedSteps& saved, const InputRows& x, Team& team, StepBarrier& barrier)
      : op_(op),
        at_(direction.at),
        direction_(direction),
        scratch_(scratch),
        saved_(saved),
        memory_(saved.recomputes() ? scratch.steps : saved.steps()),
        team_(team),
        barrier_(barrier),
        again_(direction, memory_, x, scratch.parameters, scratch.inputs, nullptr, team),
        blocks_(again_.blocks()),
        gradients_(op, direction, scratch.gradients, x, blocks_, team),
        dy_(op.dy ? static_cast<size_t>(at_.B * at_.units.lanes * at_.value_bytes()) : 0),
        dp_(at_.B * 4 * at_.units.lanes),
        kept_b_(at_.normalize ? at_.B * 4 * at_.units.lanes : 0) {}

  /// False: cancelled.
  bool Run() {
    Begin();
    team_.Barrier();
    const int64_t run = scratch_.gradients.run();
    for (int64_t end = at_.T; end > 0;) {
      const int64_t chunk = (end - 1) / saved_.chunk() * saved_.chunk();
      if (saved_.recomputes() && !RunAgain({chunk, end})) return false;
      for (; end > chunk; end = (end - 1) / run * run) {
        const Range steps{(end - 1) / run * run, end};
        for (int64_t s = steps.end - 1; s >= steps.begin; --s) {
          for (int64_t b = blocks_.begin; b < blocks_.end; ++b) StepBlock(s, steps.begin, b);
          if (!barrier_.Wait()) return false;
          if (s > 0) FetchOutputGradient(s - 1);
          CarryHidden(s - steps.begin);
        }
        gradients_.Recurrent(steps, memory_);
        if (!at_.sequence) gradients_.Input(steps);
      }
    }
    if (at_.sequence && !SequenceInputs()) return false;
    Finish();
    return true;
  }

 private:
  void Begin() {
    for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
      direction_.Parameters(b, scratch_.parameters + ParametersAt(at_, b));
      const int64_t width = at_.units.width(b), first = at_.units.first(b);
      for (int64_t n = 0; n < at_.B; ++n)
        for (int64_t lane = 0; lane < width; ++lane) {
          const int64_t j = first + lane, from = j < at_.H ? direction_.State(n, j) : 0;
          const bool real = j < at_.H;
          scratch_.dh[n * at_.dh_row() + j] =
              real && op_.dh_last ? ElementAt(op_.dh_last.data, op_.dh_last.dtype, from) : 0.0f;
          Cell(b)[n * width + lane] = real && op_.dc_last ? op_.dc_last.f32()[from] : 0.0f;
        }
    }
    gradients_.Begin();
  }

  float* Cell(int64_t b) const { return scratch_.dc + at_.B * at_.units.first(b); }
  float* SequenceDp(int64_t s, int64_t b) const {
    return scratch_.dp + (s * at_.units.padded() + at_.units.first(b)) * at_.B * 4;
  }

  /// Forward once more over the steps of a chunk, which leaves what StepBlock reads.
  bool RunAgain(Range steps) {
    team_.Barrier();  // nobody still reads the chunk after it
    memory_.set_first(steps.begin);
    saved_.RestoreBorder(memory_, steps.begin, blocks_, team_);
    team_.Barrier();
    for (int64_t s = steps.begin; s < steps.end; ++s) {
      again_.Step(s);
      if (!barrier_.Wait()) return false;
    }
    return true;
  }

  void StepBlock(int64_t s, int64_t first, int64_t b) {
    BlockBackward u;
    u.normalize = at_.normalize;
    u.through = at_.normalize && !op_.population;
    u.half = at_.units.is_half(b);
    u.eps = op_.eps;
    u.rows = again_.rows().At(s);
    u.parameters = scratch_.parameters + ParametersAt(at_, b);
    if (at_.normalize) {
      u.statistics = again_.statistics().Load(s, b);
      u.kept_b = KeptInputs(s, b, u.statistics);
    }
    u.kept_a = memory_.kept_a(s, b);
    u.c = memory_.c(s + 1, b);
    u.c_prev = memory_.c(s, b);
    again_.zoneout().Load(s, b, &u.zoneout_c, &u.zoneout_h);
    if (op_.dy) ReadOutputGradient(s, b, &u);
    u.dh = scratch_.dh + at_.units.first(b);
    u.dh_stride = at_.dh_row();
    u.dc = Cell(b);
    u.dp = at_.sequence ? SequenceDp(s, b) : dp_.data();
    u.sums = gradients_.Sums(b);
    gradients_.GateOperands(s - first, b, &u);
    if (at_.sequence) u.db = u.db_pairs = nullptr;
    at_.value.backward(u);
    if (at_.tokens && !at_.sequence) gradients_.Tokens(s, s - first, b);
  }

  /// The normalised x Wx, as forward kept it or computed anew.
  const void* KeptInputs(int64_t s, int64_t b, const BlockStatistics& statistics) {
    if (const uint8_t* kept = memory_.kept_b(s, b)) return kept;
    at_.value.normalize({.half = at_.units.is_half(b),
                         .eps = op_.eps,
                         .rows = at_.B,
                         .statistics = statistics,
                         .b = again_.Inputs(s, b),
                         .kept_b = kept_b_.data()});
    return kept_b_.data();
  }

  /// Rows of dy lie too far apart for the hardware to see them coming; they arrive during the
  /// products.
  void FetchOutputGradient(int64_t s) const {
    if (!op_.dy || blocks_.begin == blocks_.end) return;
    const int64_t size = at_.value_bytes();
    const int64_t begin = at_.units.first(blocks_.begin) * size;
    const int64_t end = std::min(at_.units.first(blocks_.end), at_.H) * size;
    for (int64_t n = 0; n < at_.B; ++n) {
      const uint8_t* const row = op_.dy.u8() + direction_.Output(s, n, 0) * size;
      for (int64_t i = begin; i < end; i += 64) __builtin_prefetch(row + i);
    }
  }

  void ReadOutputGradient(int64_t s, int64_t b, BlockBackward* u) {
    const int64_t width = at_.units.width(b), valid = at_.units.valid(b);
    const auto bytes = static_cast<size_t>(at_.value_bytes());
    const auto row = [&](int64_t n) {
      return op_.dy.u8() + static_cast<size_t>(direction_.Output(s, n, at_.units.first(b))) * bytes;
    };
    if (valid == width && direction_.InStep()) {
      u->dy = row(0);
      u->dy_stride = at_.R * at_.H;
      return;
    }
    std::fill(dy_.begin(), dy_.end(), uint8_t{0});  // in either type, for lanes that are no units
    for (int64_t n = 0; n < at_.B; ++n)
      std::memcpy(dy_.data() + static_cast<size_t>(n * width) * bytes, row(n),
                  static_cast<size_t>(valid) * bytes);
    u->dy = dy_.data();
    u->dy_stride = width;
  }

  /// dh_{t-1} of the member's units: dA Wh^T on top of what passed by.
  void CarryHidden(int64_t slot) const {
    for (int64_t b = blocks_.begin; b < blocks_.end;) {
      const Blocks::Group group = at_.units.group_of(b);
      const int64_t end = std::min(group.end, blocks_.end);
      Product p = gradients_.GatesAsRows(false, slot * at_.B, at_.B);
      p.right = op_.packed.f32() + at_.wh_transposed(direction_.r, b);
      p.right_depth = at_.units.group_width(b);
      p.vectors = static_cast<int>(end - b);
      p.half = group.half;
      p.c = scratch_.dh + at_.units.first(b);
      p.c_row = at_.dh_row();
      p.add = true;
      at_.value.multiply(p);
      b = end;
    }
  }

  /// With input statistics over the whole sequence dB needs sums over all its steps.
  bool SequenceInputs() {
    const int64_t run = scratch_.gradients.run(), count = direction_.RunningRows();
    const float scale = op_.population || count == 0 ? 0.0f : 1.0f / static_cast<float>(count);
    means_.resize(static_cast<size_t>((blocks_.end - blocks_.begin) * 8 * at_.units.lanes));
    for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
      const int64_t width = at_.units.width(b);
      const double* const sums = gradients_.Sums(b);
      for (int64_t i = 0; i < 4 * width; ++i) {
        Means(b)[i] = static_cast<float>(sums[kSumBias * width + i]) * scale;
        Means(b)[4 * width + i] = static_cast<float>(sums[kSumGammaX * width + i]) * scale;
      }
    }
    for (int64_t end = at_.T; end > 0; end = (end - 1) / run * run) {
      const Range steps{(end - 1) / run * run, end};
      for (int64_t s = steps.begin; s < steps.end; ++s)
        for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
          SequenceBlock(s, s - steps.begin, b);
          if (at_.tokens) gradients_.Tokens(s, s - steps.begin, b);
        }
      if (!barrier_.Wait()) return false;
      gradients_.Input(steps);
    }
    return true;
  }

  float* Means(int64_t b) { return means_.data() + (b - blocks_.begin) * 8 * at_.units.lanes; }

  void SequenceBlock(int64_t s, int64_t slot, int64_t b) {
    const BlockStatistics statistics = again_.statistics().Load(s, b);
    BlockBackward operands;
    gradients_.GateOperands(slot, b, &operands);
    at_.value.sequence_gradient({.half = at_.units.is_half(b),
                                 .eps = op_.eps,
                                 .rows = again_.rows().At(s),
                                 .parameters = scratch_.parameters + ParametersAt(at_, b),
                                 .statistics = statistics,
                                 .mean_dp = Means(b),
                                 .mean_dp_hat = Means(b) + 4 * at_.units.width(b),
                                 .dp = SequenceDp(s, b),
                                 .kept_b = KeptInputs(s, b, statistics),
                                 .db = operands.db,
                                 .db_pairs = operands.db_pairs,
                                 .gates_stride = operands.gates_stride});
  }

  void Finish() const {
    for (int64_t b = blocks_.begin; b < blocks_.end; ++b) {
      const int64_t width = at_.units.width(b);
      FinishState(op_.dh0, scratch_.dh + at_.units.first(b), at_.dh_row(), b);
      FinishState(op_.dc0, Cell(b), width, b);
    }
    gradients_.Finish();
  }

  /// The gradient of an initial state: row by row, or of the vector that all rows share.
  void FinishState(const Tensor& out, const float* gradient, int64_t stride, int64_t b) const {
    for (int64_t lane = 0; lane < at_.units.valid(b); ++lane) {
      const int64_t j = at_.units.first(b) + lane;
      double sum = 0;
      for (int64_t n = 0; n < at_.B; ++n) {
        const float value = gradient[n * stride + lane];
        if (!op_.learned_state) out.f32()[direction_.State(n, j)] = value;
        sum += value;
      }
      if (op_.learned_state) out.f32()[direction_.r * at_.H + j] = static_cast<float>(sum);
    }
  }

  const ops::BnLstmBackward& op_;
  const BnLstmLayout& at_;
  const Direction& direction_;
  const Scratch& scratch_;
  const SavedSteps& saved_;
  StepMemory memory_;
  Team& team_;
  StepBarrier& barrier_;
  ForwardSteps again_;
  const Range blocks_;
  Gradients gradients_;
  std::vector<uint8_t> dy_;
  AlignedFloats dp_, kept_b_;
  std::vector<float> means_;  // of the sequence's gradients: by own block, two of [4][width]
};

/// False: cancelled.
bool RunDirection(const ops::BnLstmBackward& op, const BnLstmLayout& at, const Scratch& scratch,
                  int64_t r, Team& team, StepBarrier& barrier) {
  const Direction direction{op, at, r};
  const SavedSteps saved(op, at, r, op.saved.u8());
  InputRows x(direction);
  x.Gather(Share(at.T, team), scratch.x);
  return Backward(op, direction, scratch, saved, x, team, barrier).Run();
}

}  // namespace

OpSizes Sizes(const ops::BnLstmBackward& op, const Kernels& kernels) {
  return {.scratch = Scratch(op, BnLstmLayout(op, kernels), Carver(nullptr)).bytes};
}

void Run(const ops::BnLstmBackward& op, const Context& context) {
  const BnLstmLayout at(op, context.kernels);
  const Scratch scratch(op, at, Carver(op.scratch.u8()));
  const double step = 16.0 * static_cast<double>(at.H * (at.H + (at.tokens ? 1 : at.D)) * at.B);
  StopFlags flags{context};
  const int64_t blocks = std::max(at.units.count(), op.dx ? at.inputs.count() : 1);
  ThreadPool::Shared().Run(TeamSize(context, step, blocks), [&](Team& team) {
    StepBarrier barrier(flags, team);
    for (int64_t r = 0; r < at.R; ++r) {
      if (!RunDirection(op, at, scratch, r, team, barrier)) return;
      team.Barrier();  // scratch is for one direction
    }
  });
}

}  // namespace bnlstm::cpu
