#pragma once

#include "core/op.h"
#include "ops/statistics.h"

namespace bnlstm::ops {

/// Folds the batch statistics of one bnLstm op into tables over time steps (docs/paper.md section
/// 2). Batch statistics: recurrentMean ... cellVar as written by bnLstm, S = T steps. Tables: the
/// same names with the prefix `table` ([R][M][4H], [R][M][H]; input ones [R][1][4H] with
/// `inputStatistics: 'sequence'`).
///
/// Without firstStep the batch holds whole sequences: step s goes to table row s. firstStep [1] i32
/// says that it holds a chunk of longer ones: s goes to row firstStep + s, and no row gets anything
/// but the statistics of its own step. Steps beyond M are not written.
///
/// A new estimate begins when the host has set the counts to 0; the tables need no clearing. Every
/// row of a table has a count of its own, as chunks reach different rows. A row that no batch of the
/// estimate has reached repeats the last row before it that was (0 if there is none).
///
/// `mode`:
///   'average'  equal weight: table += (batch - table) / k, k = ++counts[row] (counts [M] i32; with
///              'sequence' inputs countsInput [1] too). Whole sequences that are shorter than the
///              table give their last statistic to all later rows.
///   'pooled'   rows weigh: mean by n, variance by n - 1 with n/(n-1) times the biased variance,
///              n being the rows that run at step s (lengths [B] i32; without them the option
///              `batch`). counts [M][2] i32 holds the sums of n and of n - 1; with 'sequence'
///              inputs countsInput [1][2] too, n being the rows of all steps together.
///   'decay'    table = decay table + (1 - decay) batch, for monitoring; needs state: nothing
///              happens while its kNonFinite is set. Whole sequences give their last statistic to
///              later rows, as above, so that no row is left behind.
struct UpdateStatistics {
  enum class Mode { kAverage, kPooled, kDecay };
  Mode mode = Mode::kAverage;
  int64_t directions = 1, steps = 0, table_steps = 0, hidden = 0, batch = 0;
  bool sequence_inputs = false;
  double decay = 0;
  BnLstmStatistics from, table;
  Tensor first_step, lengths, counts, counts_input, state;
  explicit UpdateStatistics(const OpArguments& op);
};

}  // namespace bnlstm::ops
