import { argumentError } from '../check.js';
import type { Graph } from '../program/graph.js';
import { formatType, type Shape, type Value } from '../program/value.js';
import { checkOperand } from './operand.js';
import {
  checkStatistics,
  type InputStatistics,
  type StatisticsValues,
  statisticsNames,
  statisticsShapes,
} from './statistics.js';

/** How a batch enters the tables; the counts are cleared by the host before a new estimate. */
export type StatisticsUpdate =
  /**
   * Batches weigh the same. External: counts [M] i32, and countsInput [1] i32 with sequence-wise
   * input statistics.
   */
  | {
      readonly mode: 'average';
      readonly counts: Value;
      readonly countsInput?: Value | undefined;
    }
  /**
   * Rows weigh: those that run at a step by `lengths` [B] i32, without it all of `batch`. External:
   * counts [M][2] i32, and countsInput [1][2] i32 with sequence-wise input statistics.
   */
  | {
      readonly mode: 'pooled';
      readonly counts: Value;
      readonly countsInput?: Value | undefined;
      readonly lengths?: Value | undefined;
      readonly batch: number;
    }
  /** table = decay table + (1 - decay) batch, unless the non-finite flag of state [4] i32 is set. */
  | { readonly mode: 'decay'; readonly decay: number; readonly state: Value };

export interface UpdateStatisticsOptions {
  /** Of one batch, S = T, as bnLstm wrote them. */
  readonly statistics: StatisticsValues;
  /** External, S = M: updated in place. */
  readonly tables: StatisticsValues;
  readonly inputStatistics: InputStatistics;
  /**
   * [1] i32: the batch is a chunk of longer sequences, and its first step goes to this row; it
   * reaches the rows of its own steps and no other, none beyond M. Absent: whole sequences, of which
   * short ones give their last statistic to all later rows.
   */
  readonly firstStep?: Value | undefined;
  readonly update: StatisticsUpdate;
}

const op = 'updateStatistics';

/** Folds the statistics of one batch into tables over time steps. */
export function updateStatistics(graph: Graph, options: UpdateStatisticsOptions): void {
  const { statistics, tables, inputStatistics, firstStep, update } = options;
  const [directions = 0, steps = 0, hidden = 0] = statistics.cellMean.shape;
  const tableSteps = tables.cellMean.shape[1] ?? 0;
  const shapes = (count: number) => statisticsShapes(directions, count, hidden, inputStatistics);
  checkStatistics(op, statistics, shapes(steps));
  checkStatistics(op, tables, shapes(tableSteps), 'table of ');
  if (firstStep) checkOperand(op, 'firstStep', firstStep, 'i32', [1]);
  const more = modeOperands(update, tableSteps, inputStatistics);
  graph.record({
    name: op,
    inputs: { ...statistics, firstStep, ...more.inputs },
    outputs: {
      ...Object.fromEntries(statisticsNames.map((name) => [tableOperand(name), tables[name]])),
      ...more.outputs,
    },
    options: { mode: update.mode, inputStatistics, ...more.options },
  });
}

function modeOperands(
  update: StatisticsUpdate,
  tableSteps: number,
  inputStatistics: InputStatistics,
): Pick<Parameters<Graph['record']>[0], 'inputs' | 'outputs' | 'options'> {
  switch (update.mode) {
    case 'average': {
      const { counts, countsInput } = update;
      checkOperand(op, 'counts', counts, 'i32', [tableSteps]);
      checkInputCounts(countsInput, [1], inputStatistics);
      return { inputs: {}, outputs: { counts, countsInput } };
    }
    case 'pooled': {
      const { counts, countsInput, lengths, batch } = update;
      checkOperand(op, 'counts', counts, 'i32', [tableSteps, 2]);
      checkInputCounts(countsInput, [1, 2], inputStatistics);
      if (lengths) checkOperand(op, 'lengths', lengths, 'i32', [batch]);
      return { inputs: { lengths }, outputs: { counts, countsInput }, options: { batch } };
    }
    case 'decay': {
      const { decay, state } = update;
      checkOperand(op, 'state', state, 'i32', [4]);
      return { inputs: { state }, outputs: {}, options: { decay } };
    }
  }
}

function checkInputCounts(
  counts: Value | undefined,
  shape: Shape,
  inputStatistics: InputStatistics,
): void {
  if (counts) checkOperand(op, 'countsInput', counts, 'i32', shape);
  else if (inputStatistics === 'sequence') {
    throw argumentError(`${op}: countsInput`, formatType('i32', shape), 'nothing');
  }
}

/** recurrentMean: tableRecurrentMean. */
function tableOperand(name: keyof StatisticsValues): string {
  return `table${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
