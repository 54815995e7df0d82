import { describe, expect, it } from 'vitest';
import { forward } from '../../lib/reference/bn_lstm.js';
import { type Statistics, statisticNames } from '../../lib/reference/contract.js';
import {
  averageStatistics,
  batchStatistics,
  initialStatistics,
  movingAverage,
  poolStatistics,
  repeatLast,
} from '../../lib/reference/statistics.js';
import { relativeError } from './compare.js';
import { generate } from './generate.js';
import { random } from './random.js';

/** H = 1, every column of a step equal: per-step means and variances of one batch. */
function table(means: number[], variances: number[], inputSteps = means.length): Statistics {
  const wide = (values: number[]) => Float64Array.from(values.flatMap((v) => [v, v, v, v]));
  return {
    recurrentMean: wide(means),
    recurrentVar: wide(variances),
    inputMean: wide(means.slice(0, inputSteps)),
    inputVar: wide(variances.slice(0, inputSteps)),
    cellMean: Float64Array.from(means),
    cellVar: Float64Array.from(variances),
  };
}

const counts = (rows: number[], inputRows = rows) => ({ state: rows, input: inputRows });

describe('batchStatistics', () => {
  it('is exact for a small variance about a large mean', () => {
    // 1000 ± 2^-7: exactly representable; E[x²] − E[x]² in float32 would give 0.
    const values = [1000 + 2 ** -7, 1000 - 2 ** -7, 1000 + 2 ** -7, 1000 - 2 ** -7];
    expect(batchStatistics(values)).toEqual({ mean: 1000, variance: 2 ** -14, count: 4 });
  });

  it('divides by the number of counted rows, and never reads the others', () => {
    const values = [1, Number.NaN, 3, Number.POSITIVE_INFINITY];
    expect(batchStatistics(values, [1, 0, 1, 0])).toEqual({ mean: 2, variance: 1, count: 2 });
    expect(batchStatistics(values, [1, 0, 0, 0])).toEqual({ mean: 1, variance: 0, count: 1 });
    expect(batchStatistics(values, [0, 0, 0, 0])).toEqual({ mean: 0, variance: 0, count: 0 });
  });
});

describe('averageStatistics', () => {
  it('weighs batches equally and repeats the last statistic of shorter ones', () => {
    const average = averageStatistics([table([1, 2, 3], [4, 5, 6]), table([3, 8], [2, 1])], 1);
    expect(average).toEqual(table([2, 5, 5.5], [3, 3, 3.5]));
  });

  it('keeps sequence-wise input statistics in one row', () => {
    const batches = [table([1, 2, 3], [1, 1, 1], 1), table([3, 4], [3, 3], 1)];
    const average = averageStatistics(batches, 1);
    expect(average).toEqual(table([2, 3, 3.5], [2, 2, 2], 1));
    expect(repeatLast(average, 1, 5)).toEqual(table([2, 3, 3.5, 3.5, 3.5], [2, 2, 2, 2, 2], 1));
  });
});

describe('poolStatistics', () => {
  it('weighs means by rows, and variances with Σ(n−1)', () => {
    const first = { statistics: table([1, 10], [3, 0]), counts: counts([3, 1]) };
    const second = { statistics: table([5, 4], [8, 6]), counts: counts([5, 3]) };
    const pooled = poolStatistics([first, second], 1);
    const means = [(3 * 1 + 5 * 5) / 8, (10 + 3 * 4) / 4];
    expect(pooled).toEqual(table(means, [(3 * 3 + 5 * 8) / 6, (3 * 6) / 2]));
  });

  it('repeats the last defined variance where single rows remain, the mean where none does', () => {
    const first = { statistics: table([2, 4, 0, 0], [6, 0, 0, 0]), counts: counts([3, 1, 0, 0]) };
    const second = { statistics: table([2, 8, 5], [3, 0, 0]), counts: counts([2, 1, 1]) };
    const variance = (3 * 6 + 2 * 3) / 3;
    const all = [variance, variance, variance, variance];
    expect(poolStatistics([first, second], 1)).toEqual(table([2, 6, 5, 5], all));
  });

  it('counts sequence-wise input statistics by their own rows', () => {
    const first = { statistics: table([1, 1], [2, 2], 1), counts: counts([2, 2], [4]) };
    const second = { statistics: table([4, 4], [1, 1], 1), counts: counts([2, 2], [2]) };
    const pooled = poolStatistics([first, second], 1);
    expect(pooled.inputMean).toEqual(new Float64Array(4).fill((4 * 1 + 2 * 4) / 6));
    expect(pooled.inputVar).toEqual(new Float64Array(4).fill((4 * 2 + 2 * 1) / 4));
    expect(pooled.cellMean).toEqual(Float64Array.of(2.5, 2.5));
  });

  it('refuses to make up a variance of the first step', () => {
    const single = { statistics: table([1], [0]), counts: counts([1]) };
    expect(() => poolStatistics([single], 1)).toThrow('recurrentVar of the first step');
  });

  it('takes the statistics and counts of a batch with lengths', () => {
    const lengths = [3, 1, 2, 3];
    const options = { T: 3, B: 4, D: 2, H: 2, lengths };
    const { parameters, x, h0, c0 } = generate(random(1), options);
    const out = forward(parameters, x, h0, c0, options);
    expect(out.counts).toEqual(counts([4, 3, 2]));
    const pooled = poolStatistics([out], 2);
    // One batch alone: the unbiased variance, n / (n − 1) times the biased one.
    for (const name of statisticNames) {
      const width = name.startsWith('cell') ? 2 : 8;
      const expected = out.statistics[name].map((value, k) => {
        const n = [4, 3, 2][Math.floor(k / width)];
        return name.endsWith('Var') ? (value * n) / (n - 1) : value;
      });
      const error = relativeError(pooled[name], expected);
      if (!(error <= 1e-15)) expect.fail(`${name}: relative error ${error}`);
    }
  });
});

describe('movingAverage', () => {
  it('starts from mean 0 and variance 1', () => {
    const moving = movingAverage(initialStatistics(2, 1), table([4, 8], [3, 5]), 0.75);
    expect(moving).toEqual(table([1, 2], [1.5, 2]));
  });

  it('leaves steps that the batch does not reach, and writes none beyond the table', () => {
    const old = table([1, 2], [1, 1]);
    expect(movingAverage(old, table([3], [3]), 0.5)).toEqual(table([2, 2], [2, 1]));
    expect(movingAverage(old, table([3, 4, 9], [3, 5, 9]), 0.5)).toEqual(table([2, 3], [2, 3]));
  });
});
