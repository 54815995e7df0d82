#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "ops/training_state.h"

namespace bnlstm::cuda {
namespace {

using Mode = ops::UpdateStatistics::Mode;

/// What happens to one row of a table: table = keep table + take batch[source].
struct RowUpdate {
  enum class Kind { kLeave, kMix, kRepeat };  // kRepeat: the last row before it that does not, or 0
  Kind kind = Kind::kLeave;
  int64_t source = 0;
  double keep = 0, take = 0;
};

/// Finds what happens to the rows of a table, in parallel, and counts what they get.
struct Planner {
  Mode mode;
  double decay;
  int64_t rows, steps, batch;
  bool once;  // a table of one row for all steps
  const int32_t *first_step, *lengths, *state;
  int32_t* counts;
  RowUpdate *mean, *var;  // for each row: they may weigh differently

  __device__ void operator()(int64_t row) const {
    const int64_t first = first_step != nullptr && !once ? *first_step : 0;
    if (mode == Mode::kPooled) {
      PlanPool(row, row - first);
    } else {
      mean[row] = var[row] = mode == Mode::kAverage ? Average(row, first) : Decay(row, first);
    }
  }

 private:
  /// A chunk reaches the rows of its own steps, whole sequences all rows from their first on.
  __device__ bool Reaches(int64_t row, int64_t first) const {
    const bool chunk = first_step != nullptr && !once;
    return row >= first && (!chunk || row < first + steps);
  }
  /// The last step stands for all that the batch is too short for.
  __device__ RowUpdate Mix(int64_t step, double keep, double take) const {
    const int64_t last = steps - 1;
    return {RowUpdate::Kind::kMix, step < last ? step : last, keep, take};
  }

  __device__ RowUpdate Average(int64_t row, int64_t first) const {
    if (Reaches(row, first)) {
      const double k = ++counts[row];
      return Mix(row - first, (k - 1) / k, 1 / k);
    }
    return {counts[row] == 0 ? RowUpdate::Kind::kRepeat : RowUpdate::Kind::kLeave};
  }

  __device__ RowUpdate Decay(int64_t row, int64_t first) const {
    if (state[ops::kNonFinite] != 0 || !Reaches(row, first)) return {};
    return Mix(row - first, decay, 1 - decay);
  }

  /// Rows of the batch that run at a step, or at all steps together.
  __device__ int64_t Running(int64_t step) const {
    if (lengths == nullptr) return once ? batch * steps : batch;
    int64_t running = 0;
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t length = lengths[n] < steps ? lengths[n] : steps;
      running += once ? length : step < length;
    }
    return running;
  }

  /// A row of weight `before` gets n rows that count `weight`; the batch's value stands for n.
  __device__ static RowUpdate Pool(int64_t source, int64_t n, int64_t before, int64_t weight) {
    const auto sum = static_cast<double>(before + weight);
    if (sum == 0) return {RowUpdate::Kind::kRepeat};
    if (weight == 0) return {};
    return {RowUpdate::Kind::kMix, source, static_cast<double>(before) / sum,
            static_cast<double>(n) / sum};
  }

  __device__ void PlanPool(int64_t row, int64_t step) const {
    const bool given = step >= 0 && step < (once ? 1 : steps);
    const int64_t n = given ? Running(step) : 0;
    const int64_t freedom = n > 1 ? n - 1 : 0;
    int32_t* const count = counts + 2 * row;
    mean[row] = Pool(step, n, count[0], n);
    var[row] = Pool(step, n, count[1], freedom);
    count[0] += static_cast<int32_t>(n);
    count[1] += static_cast<int32_t>(freedom);
  }
};

/// A table [R][rows][width], the batch's statistics that go into it, and how.
struct Update {
  const RowUpdate* plan;
  const float* batch;
  float* table;
  int64_t batch_rows, rows, width, count;

  Update(const RowUpdate* plan, const Tensor& from, const Tensor& to)
      : plan(plan),
        batch(from.f32()),
        table(to.f32()),
        batch_rows(from.shape[1]),
        rows(to.shape[1]),
        width(to.shape[2]),
        count(to.count()) {}

  __device__ void Mix(int64_t i) const {
    const int64_t direction = i / width / rows, column = i % width;
    const RowUpdate& row = plan[i / width % rows];
    if (row.kind != RowUpdate::Kind::kMix) return;
    const float given = batch[(direction * batch_rows + row.source) * width + column];
    // What the table held before may be anything.
    const double kept = row.keep == 0 ? 0 : row.keep * table[i];
    table[i] = static_cast<float>(kept + row.take * given);
  }

  __device__ void Repeat(int64_t i) const {
    int64_t row = i / width % rows;
    const int64_t begin = i - row * width;
    if (plan[row].kind != RowUpdate::Kind::kRepeat) return;
    while (row >= 0 && plan[row].kind == RowUpdate::Kind::kRepeat) --row;
    table[i] = row < 0 ? 0 : table[begin + row * width];
  }
};

Planner MakePlanner(const ops::UpdateStatistics& op, bool once, RowUpdate* plan) {
  const Tensor& counts = once ? op.counts_input : op.counts;
  const int64_t rows = once ? 1 : op.table_steps;
  return {op.mode,
          op.decay,
          rows,
          op.steps,
          op.batch,
          once,
          op.first_step.i32(),
          op.lengths.i32(),
          op.state.i32(),
          counts.i32(),
          plan,
          plan + rows};
}

}  // namespace

size_t Workspace(const ops::UpdateStatistics& op) {
  return static_cast<size_t>(2 * (op.table_steps + 1)) * sizeof(RowUpdate);
}

void Run(const ops::UpdateStatistics& op, const Context& context) {
  auto* const plan = reinterpret_cast<RowUpdate*>(context.workspace);
  const Planner planner = MakePlanner(op, false, plan);
  ForEach(context, planner.rows, planner);
  Planner inputs = planner;
  if (op.sequence_inputs) {
    inputs = MakePlanner(op, true, plan + 2 * op.table_steps);
    ForEach(context, inputs.rows, inputs);
  }
  const auto &from = op.from, &to = op.table;
  const Update updates[] = {{planner.mean, from.recurrent_mean, to.recurrent_mean},
                            {planner.var, from.recurrent_var, to.recurrent_var},
                            {inputs.mean, from.input_mean, to.input_mean},
                            {inputs.var, from.input_var, to.input_var},
                            {planner.mean, from.cell_mean, to.cell_mean},
                            {planner.var, from.cell_var, to.cell_var}};
  for (const Update& update : updates) {
    ForEach(context, update.count, [=] __device__(int64_t i) { update.Mix(i); });
    // After the rows that are repeated are complete. With a decay no row repeats another.
    if (op.mode == Mode::kDecay) continue;
    ForEach(context, update.count, [=] __device__(int64_t i) { update.Repeat(i); });
  }
}

}  // namespace bnlstm::cuda
