#include <algorithm>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "ops/training_state.h"

namespace bnlstm::cpu {
namespace {

using Mode = ops::UpdateStatistics::Mode;

/// What happens to one row of a table: table = keep table + take batch[source].
struct RowUpdate {
  enum class Kind { kLeave, kMix, kRepeat };  // kRepeat: the row before it, or 0
  Kind kind = Kind::kLeave;
  int64_t source = 0;
  double keep = 0, take = 0;
};

/// For every row of a table; means and variances may weigh differently.
struct Plan {
  std::vector<RowUpdate> mean, var;
};

/// Where a batch goes in a table: to rows [begin, end), its last step to all that it is too short
/// for.
struct Target {
  int64_t rows = 0, begin = 0, end = 0, steps = 0;
  bool Reaches(int64_t row) const { return begin <= row && row < end; }
  RowUpdate Mix(int64_t row, double keep, double take) const {
    return {RowUpdate::Kind::kMix, std::min(row - begin, steps - 1), keep, take};
  }
};

/// A chunk reaches the rows of its own steps, whole sequences all rows.
Target TargetOf(const ops::UpdateStatistics& op, int64_t first) {
  const int64_t rows = op.table_steps;
  return {rows, first, op.first_step ? std::min(first + op.steps, rows) : rows, op.steps};
}

/// Equal weight. Adds 1 to the count of every row that is reached.
Plan PlanAverage(const Target& target, int32_t* counts) {
  Plan plan;
  for (int64_t row = 0; row < target.rows; ++row) {
    RowUpdate update;
    if (target.Reaches(row)) {
      const double k = ++counts[row];
      update = target.Mix(row, (k - 1) / k, 1 / k);
    } else if (counts[row] == 0) {
      update.kind = RowUpdate::Kind::kRepeat;
    }
    plan.mean.push_back(update);
  }
  plan.var = plan.mean;
  return plan;
}

Plan PlanDecay(const Target& target, double decay) {
  Plan plan;
  for (int64_t row = 0; row < target.rows; ++row) {
    plan.mean.push_back(target.Reaches(row) ? target.Mix(row, decay, 1 - decay) : RowUpdate{});
  }
  plan.var = plan.mean;
  return plan;
}

/// A row of weight `before` gets n rows that count `weight`; the batch's value stands for n.
RowUpdate Pool(int64_t source, int64_t n, int64_t before, int64_t weight) {
  const auto sum = static_cast<double>(before + weight);
  if (sum == 0) return {RowUpdate::Kind::kRepeat};
  if (weight == 0) return {};
  return {RowUpdate::Kind::kMix, source, static_cast<double>(before) / sum,
          static_cast<double>(n) / sum};
}

/// `running`: rows behind the statistics of each step. Adds to counts [rows][2].
Plan PlanPool(int64_t rows, const std::vector<int64_t>& running, int64_t first, int32_t* counts) {
  Plan plan;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t step = row - first;
    const bool given = step >= 0 && step < static_cast<int64_t>(running.size());
    const int64_t n = given ? running[static_cast<size_t>(step)] : 0;
    const int64_t freedom = std::max<int64_t>(n - 1, 0);
    int32_t* count = counts + 2 * row;
    plan.mean.push_back(Pool(step, n, count[0], n));
    plan.var.push_back(Pool(step, n, count[1], freedom));
    count[0] += static_cast<int32_t>(n);
    count[1] += static_cast<int32_t>(freedom);
  }
  return plan;
}

std::vector<int64_t> RunningRows(const ops::UpdateStatistics& op) {
  std::vector<int64_t> running(static_cast<size_t>(op.steps), op.lengths ? 0 : op.batch);
  for (int64_t n = 0; op.lengths && n < op.batch; ++n) {
    const int64_t length = std::min<int64_t>(op.lengths.i32()[n], op.steps);
    for (int64_t s = 0; s < length; ++s) ++running[static_cast<size_t>(s)];
  }
  return running;
}

/// A table [R][rows][width], the batch's statistics that go into it, and how.
struct Update {
  const std::vector<RowUpdate>& plan;
  const Tensor &batch, &table;
};

/// Columns [begin, end) of one direction.
void UpdateColumns(const Update& update, int64_t direction, int64_t begin, int64_t end) {
  const int64_t width = update.table.shape[2];
  const float* batch = update.batch.f32() + direction * update.batch.shape[1] * width;
  float* table = update.table.f32() + direction * update.table.shape[1] * width;
  for (const RowUpdate& row : update.plan) {
    const float* from = batch + row.source * width;
    const bool first = &row == update.plan.data();
    if (row.kind == RowUpdate::Kind::kRepeat) {
      for (int64_t j = begin; j < end; ++j) table[j] = first ? 0.0f : table[j - width];
    } else if (row.kind == RowUpdate::Kind::kMix && row.keep == 0) {
      // What the table held before may be anything.
      for (int64_t j = begin; j < end; ++j) table[j] = static_cast<float>(row.take * from[j]);
    } else if (row.kind == RowUpdate::Kind::kMix) {
      for (int64_t j = begin; j < end; ++j) {
        table[j] = static_cast<float>(row.keep * table[j] + row.take * from[j]);
      }
    }
    table += width;
  }
}

}  // namespace

void Run(const ops::UpdateStatistics& op, const Context& context) {
  if (op.mode == Mode::kDecay && op.state.i32()[ops::kNonFinite]) return;
  const int64_t first = op.first_step ? op.first_step.i32()[0] : 0;
  Assert(first >= 0, "firstStep is negative");

  Plan plan, input_plan;
  if (op.mode == Mode::kPooled) {
    const std::vector<int64_t> running = RunningRows(op);
    plan = PlanPool(op.table_steps, running, first, op.counts.i32());
    if (op.sequence_inputs) {
      int64_t all = 0;
      for (int64_t n : running) all += n;
      input_plan = PlanPool(1, {all}, 0, op.counts_input.i32());
    }
  } else {
    const Target target = TargetOf(op, first), whole{1, 0, 1, 1};
    const bool average = op.mode == Mode::kAverage;
    plan = average ? PlanAverage(target, op.counts.i32()) : PlanDecay(target, op.decay);
    if (op.sequence_inputs) {
      input_plan = average ? PlanAverage(whole, op.counts_input.i32()) : PlanDecay(whole, op.decay);
    }
  }
  if (!op.sequence_inputs) input_plan = plan;

  const auto &from = op.from, &to = op.table;
  const Update updates[] = {{plan.mean, from.recurrent_mean, to.recurrent_mean},
                            {plan.var, from.recurrent_var, to.recurrent_var},
                            {input_plan.mean, from.input_mean, to.input_mean},
                            {input_plan.var, from.input_var, to.input_var},
                            {plan.mean, from.cell_mean, to.cell_mean},
                            {plan.var, from.cell_var, to.cell_var}};
  // A member owns hidden units: their columns in all rows of all tables.
  const double numbers = static_cast<double>(18 * op.directions * op.table_steps);
  ParallelFor(context, op.hidden, kMove * numbers, [&](Range units) {
    for (const Update& update : updates) {
      const int64_t gates = update.table.shape[2] / op.hidden;
      for (int64_t r = 0; r < op.directions; ++r) {
        UpdateColumns(update, r, units.begin * gates, units.end * gates);
      }
    }
  });
}

}  // namespace bnlstm::cpu
