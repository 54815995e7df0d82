/** Batch statistics, and the ways to make population statistics of them (docs/paper.md §2). */
import { type Statistics, statisticNames } from './contract.js';

/**
 * Mean and biased variance of one column over the rows with weight 1 (all without weights). Two
 * passes: E[x²] − E[x]² loses every digit of a small variance about a large mean. Values of
 * uncounted rows may be anything. No row at all: mean and variance 0.
 */
export function batchStatistics(
  values: ArrayLike<number>,
  weights?: ArrayLike<number>,
): { mean: number; variance: number; count: number } {
  let count = 0;
  let sum = 0;
  for (let n = 0; n < values.length; n++) {
    if (weights && !weights[n]) continue;
    count++;
    sum += values[n];
  }
  if (count === 0) return { mean: 0, variance: 0, count };
  const mean = sum / count;
  let squares = 0;
  for (let n = 0; n < values.length; n++)
    if (!weights || weights[n]) squares += (values[n] - mean) ** 2;
  return { mean, variance: squares / count, count };
}

/** How many rows each time step's statistics were taken over. */
export interface RowCounts {
  /** [T] recurrent and cell. */ state: ArrayLike<number>;
  /** [T], or [1] for sequence-wise input statistics. */ input: ArrayLike<number>;
}

type Name = keyof Statistics;
const widthOf = (name: Name, H: number) => (name.startsWith('cell') ? H : 4 * H);

function mapStatistics(table: (name: Name) => Float64Array): Statistics {
  const entries = statisticNames.map((name) => [name, table(name)]);
  return Object.fromEntries(entries) as Statistics;
}

/** A table [S][width] at a step: the last one repeats beyond it. */
function atStep(table: Float64Array, width: number, s: number, j: number): number {
  return table[Math.min(s, table.length / width - 1) * width + j];
}

/** The first S steps, the last statistic repeated where there are fewer; one input row stays one. */
export function repeatLast(statistics: Statistics, H: number, S: number): Statistics {
  return mapStatistics((name) => {
    const table = statistics[name];
    const width = widthOf(name, H);
    const sequence = name.startsWith('input') && table.length === width;
    return Float64Array.from({ length: (sequence ? 1 : S) * width }, (_, k) =>
      atStep(table, width, Math.floor(k / width), k % width),
    );
  });
}

/** The paper's estimate: equal weight per batch, shorter batches repeating their last statistic. */
export function averageStatistics(list: Statistics[], H: number): Statistics {
  return mapStatistics((name) => {
    const width = widthOf(name, H);
    const length = Math.max(...list.map((statistics) => statistics[name].length));
    return Float64Array.from({ length }, (_, k) => {
      const values = list.map((item) =>
        atStep(item[name], width, Math.floor(k / width), k % width),
      );
      return values.reduce((sum, value) => sum + value, 0) / list.length;
    });
  });
}

/**
 * For variable lengths with statistics over the running rows, where equal weight would let a batch
 * with one row left (variance 0) count as much as a full one: mean Σ n·mean / Σ n, variance
 * Σ n·var / Σ (n−1). A step at which a denominator is 0 repeats the step before it.
 */
export function poolStatistics(
  list: { statistics: Statistics; counts: RowCounts }[],
  H: number,
): Statistics {
  return mapStatistics((name) => {
    const width = widthOf(name, H);
    const isVariance = name.endsWith('Var');
    const counts = list.map(({ counts }) =>
      name.startsWith('input') ? counts.input : counts.state,
    );
    const steps = Math.max(...counts.map((count) => count.length));
    const out = new Float64Array(steps * width);
    for (let s = 0; s < steps; s++) {
      const rows = counts.map((count) => (s < count.length ? count[s] : 0));
      const weight = rows.reduce((sum, n) => sum + (isVariance ? Math.max(n - 1, 0) : n), 0);
      if (weight === 0 && s === 0) throw new Error(`no batch defines ${name} of the first step`);
      for (let j = 0; j < width; j++) {
        let sum = 0;
        for (let i = 0; i < list.length; i++)
          if (rows[i] > 0) sum += rows[i] * list[i].statistics[name][s * width + j];
        out[s * width + j] = weight === 0 ? out[(s - 1) * width + j] : sum / weight;
      }
    }
    return out;
  });
}

/** Where a moving average starts: mean 0, variance 1. */
export function initialStatistics(S: number, H: number, inputSteps = S): Statistics {
  return mapStatistics((name) => {
    const steps = name.startsWith('input') ? inputSteps : S;
    return new Float64Array(steps * widthOf(name, H)).fill(name.endsWith('Var') ? 1 : 0);
  });
}

/**
 * decay · old + (1 − decay) · batch, per step. Steps that the batch does not reach keep their
 * value, and steps beyond the table are not written (`old` has maxSteps rows).
 */
export function movingAverage(old: Statistics, batch: Statistics, decay: number): Statistics {
  return mapStatistics((name) =>
    old[name].map((value, k) =>
      k < batch[name].length ? decay * value + (1 - decay) * batch[name][k] : value,
    ),
  );
}
