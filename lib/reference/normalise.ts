/** Batch normalisation of one matrix, forward and backward (docs/paper.md §1.1 and §1.2). */
import type { BnLstmOptions } from './contract.js';
import { batchStatistics } from './statistics.js';

export interface Normalised {
  /** x̂ = (x − mean) r, [rows][width]; 0 in rows that do not take part. */
  hat: Float64Array;
  /** r = 1 / sqrt(variance + eps) of every element: the table row may differ from row to row. */
  r: Float64Array;
  /** [rows] 1 for rows that take part. */
  rows: Uint8Array;
  /** Rows behind the batch statistics; 0 where statistics are constants. */
  count: number;
  /** [width] batch statistics; empty where statistics are constants. */
  mean: Float64Array;
  variance: Float64Array;
}

/** Maps x [rows][width] to x̂; `step(n)` is the time step of row n, before clamping to the table. */
export type Normaliser = (
  x: Float64Array,
  rows: Uint8Array,
  table: 'recurrent' | 'input' | 'cell',
  step: (n: number) => number,
) => Normalised;

/** The three meanings of BN(·): batch statistics, population statistics, or none at all. */
export function normaliser(options: BnLstmOptions): Normaliser {
  const { norm = 'batch', statistics = 'batch', population, firstStep, eps = 1e-5 } = options;
  if (norm === 'none') return (x, rows) => apply(x, rows, () => [0, 1]);
  if (statistics === 'batch')
    return (x, rows) => {
      const { count, mean, variance } = columnStatistics(x, rows);
      const moments = (_: number, j: number): [number, number] => [mean[j], root(variance[j], eps)];
      return { ...apply(x, rows, moments), count, mean, variance };
    };
  if (!population) throw new Error('statistics "population" needs a table');
  return (x, rows, table, step) => {
    const width = x.length / rows.length;
    const mean = population[`${table}Mean`];
    const variance = population[`${table}Var`];
    const last = mean.length / width - 1;
    return apply(x, rows, (n, j) => {
      // Beyond the longest training sequence the last statistics repeat (docs/paper.md §2).
      const k = Math.min((firstStep?.[n % options.B] ?? 0) + step(n), last) * width + j;
      return [mean[k], root(variance[k], eps)];
    });
  };
}

const root = (variance: number, eps: number) => 1 / Math.sqrt(variance + eps);

function columnStatistics(x: Float64Array, rows: Uint8Array) {
  const width = x.length / rows.length;
  const mean = new Float64Array(width);
  const variance = new Float64Array(width);
  const column = new Float64Array(rows.length);
  for (let j = 0; j < width; j++) {
    for (let n = 0; n < rows.length; n++) column[n] = x[n * width + j];
    const statistics = batchStatistics(column, rows);
    mean[j] = statistics.mean;
    variance[j] = statistics.variance;
  }
  return { count: rows.reduce((sum, row) => sum + row, 0), mean, variance };
}

function apply(
  x: Float64Array,
  rows: Uint8Array,
  moments: (n: number, j: number) => [mean: number, r: number],
): Normalised {
  const width = x.length / rows.length;
  const hat = new Float64Array(x.length);
  const r = new Float64Array(x.length);
  for (let n = 0; n < rows.length; n++) {
    if (!rows[n]) continue;
    for (let j = 0; j < width; j++) {
      const k = n * width + j;
      const [mean, scale] = moments(n, j);
      r[k] = scale;
      hat[k] = (x[k] - mean) * scale;
    }
  }
  return { hat, r, rows, count: 0, mean: new Float64Array(0), variance: new Float64Array(0) };
}

/** From dy, the gradient at gamma x̂ + beta: that of x, and the column sums for gamma and beta. */
export function normaliseBackward(dy: Float64Array, gamma: Float64Array, normalised: Normalised) {
  const { hat, r, rows, count } = normalised;
  const width = gamma.length;
  const s0 = new Float64Array(width);
  const s1 = new Float64Array(width);
  for (let n = 0; n < rows.length; n++)
    for (let j = 0; j < width && rows[n]; j++) {
      s0[j] += dy[n * width + j];
      s1[j] += dy[n * width + j] * hat[n * width + j];
    }
  const dx = new Float64Array(dy.length);
  for (let n = 0; n < rows.length; n++)
    for (let j = 0; j < width && rows[n]; j++) {
      const k = n * width + j;
      // Batch statistics depend on every row that was counted, finished ones included (§1.5).
      const throughStatistics = count ? (s0[j] + hat[k] * s1[j]) / count : 0;
      dx[k] = gamma[j] * r[k] * (dy[k] - throughStatistics);
    }
  return { dx, dGamma: s1, dBeta: s0 };
}
