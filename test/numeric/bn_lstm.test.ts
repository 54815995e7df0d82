// The bnLstm op of every device against the float64 reference: golden cases are in golden.test.ts.
import { describe, expect, it } from 'vitest';
import type { BnLstmCase } from '../../lib/model/bn_lstm_case.js';
import { oracle } from '../../lib/model/bn_lstm_oracle.js';
import { bnLstmShapes, eventful } from './bn_lstm_cases.js';
import { differingRows, expectOracle, failures, runOn, usual } from './check_case.js';
import { devices } from './devices.js';
import { randomCase } from './random_case.js';

describe.each(devices)('bnLstm on %s', (device) => {
  it.each(Object.keys(bnLstmShapes))('agrees with the reference: %s', async (name) => {
    await expectOracle(device, randomCase(bnLstmShapes[name]), usual);
  });

  it('gives the same bits for 1, 2 and 5 threads', async () => {
    const given = randomCase({
      ...{ T: 6, B: 30, D: 5, H: 23, lengths: Array.from({ length: 30 }, (_, n) => 1 + (n % 6)) },
      options: { directions: 2, noise: 0.1, zoneout: 'sample', zoneoutC: 0.1, zoneoutH: 0.1 },
    });
    const one = await runOn(device, given, 1);
    expect(await runOn(device, given, 2)).toEqual(one);
    expect(await runOn(device, given, 5)).toEqual(one);
  });

  it('ignores what the padding holds, NaN included, with valid rows', async () => {
    for (const population of [undefined, 4]) {
      for (const inputStatistics of ['step', 'sequence'] as const) {
        const given = randomCase({
          ...eventful,
          ...(population && { population }),
          options: { directions: 2, inputStatistics },
        });
        const clean = await runOn(device, given);
        expect(await runOn(device, { ...given, x: paddedWith(given, Number.NaN) })).toEqual(clean);
      }
    }
  });

  it('lets padding into the statistics with all rows', async () => {
    const given = randomCase({ ...eventful, options: { lengthStatistics: 'all' } });
    const changed = await runOn(device, { ...given, x: paddedWith(given, 5) });
    expect(changed.get('inputMean')).not.toEqual((await runOn(device, given)).get('inputMean'));
  });

  it('gives equal rows equal bits, for 100 steps of constant input', async () => {
    const given = randomCase({
      ...{ T: 100, B: 37, D: 2, H: 9, upstream: [] },
      options: { initialState: 'learned' },
    });
    const x = given.x as Float64Array;
    for (let k = 0; k < x.length; k++) x[k] = (k % 2) + 0.3;
    const y = (await runOn(device, given)).get('y') as Float32Array;
    for (let k = 0; k < y.length; k++) {
      const first = Math.floor(k / (37 * 9)) * 37 * 9 + (k % 9);
      expect(y[k]).toBe(y[first]);
    }
  });

  it('follows a permutation of the rows', async () => {
    const given = randomCase({ T: 5, B: 21, D: 4, H: 7 });
    const order = Array.from({ length: 21 }, (_, n) => (n * 8 + 3) % 21);
    const permuted = permuteRows(given, order);
    const actual = await runOn(device, permuted);
    expect(failures(actual, oracle(permuted), usual)).toEqual([]);
    const y = (await runOn(device, given)).get('y') as Float32Array;
    const moved = permuteSteps(Float64Array.from(y), 5, 21, order);
    expect(failures(actual, new Map([['y', moved]]), usual)).toEqual([]);
  });

  it('computes a row with population statistics whatever else is in the batch', async () => {
    const many = randomCase({
      ...{ T: 9, B: 64, D: 4, H: 10, population: 6, upstream: [] },
      options: { initialState: 'learned' },
    });
    const batch = (await runOn(device, many)).get('y') as Float32Array;
    for (const n of [0, 5, 63]) {
      const x = Float64Array.from({ length: 9 * 4 }, (_, k) => {
        return (many.x as Float64Array)[(Math.floor(k / 4) * 64 + n) * 4 + (k % 4)] as number;
      });
      const y = (await runOn(device, { ...many, B: 1, x })).get('y') as Float32Array;
      const row = y.map((_, k) => batch[(Math.floor(k / 10) * 64 + n) * 10 + (k % 10)] as number);
      const [alone, among] = [new Map([['y', y]]), new Map([['y', row]])];
      expect(differingRows({ device, plan: 'auto' }, 'f32', alone, among)).toEqual([]);
    }
  });

  it('depends on the rest of the batch with batch statistics', async () => {
    const given = randomCase({ T: 3, B: 8, D: 4, H: 5, upstream: [] });
    const y = (await runOn(device, given)).get('y') as Float32Array;
    const x = (given.x as Float64Array).slice();
    x[4] = (x[4] as number) + 1; // row 1 of the first step
    const other = (await runOn(device, { ...given, x })).get('y') as Float32Array;
    expect(other[0]).not.toBe(y[0]);
  });

  it('uses table row t at step t and the last row beyond', async () => {
    const given = randomCase({ T: 8, B: 3, D: 4, H: 5, population: 4, upstream: [] });
    const before = (await runOn(device, given)).get('y') as Float32Array;
    const table = given.population as Record<string, Float64Array>;
    for (const k of [0, 1, 3]) {
      const recurrentMean = (table.recurrentMean as Float64Array).slice();
      for (let g = 0; g < 20; g++)
        recurrentMean[k * 20 + g] = (recurrentMean[k * 20 + g] as number) + 1;
      const changed = { ...given, population: { ...table, recurrentMean } };
      const after = (await runOn(device, changed)).get('y') as Float32Array;
      const firstChange = before.findIndex((value, i) => value !== after[i]);
      expect(Math.floor(firstChange / (3 * 5))).toBe(k);
      if (k === 3) for (let s = 3; s < 8; s++) expect(after[s * 15]).not.toBe(before[s * 15]);
    }
  });

  it('is degenerate but finite for one training row', async () => {
    const result = await runOn(device, randomCase({ T: 4, B: 1, D: 3, H: 4 }));
    for (const name of ['dx', 'dwx', 'dwh', 'dgammaX', 'dgammaH', 'dh0']) {
      expect(result.get(name)?.every((value) => value === 0)).toBe(true);
    }
    expect(result.get('y')?.every(Number.isFinite)).toBe(true);
  });

  it('measures a column of mean 1000 and deviation 0.01', async () => {
    const B = 64;
    const base = randomCase({ T: 1, B, D: 1, H: 1, upstream: [] });
    const x = Float64Array.from(
      { length: B },
      (_, n) => 1000 + (((n * 37) % 64) - 31.5) * 2 ** -11,
    );
    const parameters = { ...base.parameters, wx: new Float64Array(4).fill(1) };
    const given = { ...base, x: x.map((value) => Math.fround(value)), parameters };
    const [actual, expected] = [await runOn(device, given), oracle(given)];
    const ratio = (name: string) =>
      (actual.get(name)?.[0] as number) / (expected.get(name)?.[0] as number);
    expect(Math.sqrt(expected.get('inputVar')?.[0] as number)).toBeCloseTo(0.009, 3);
    expect(Math.abs(ratio('inputVar') - 1)).toBeLessThan(1e-5);
    expect(Math.abs(ratio('inputMean') - 1)).toBeLessThan(1e-7);
  });

  it('keeps the carried c free of gammaC', async () => {
    const given = randomCase({ T: 1, B: 6, D: 3, H: 4, upstream: [] });
    const gammaC = (given.parameters.gammaC as Float64Array).map((value) => value * 2);
    const changed = { ...given, parameters: { ...given.parameters, gammaC } };
    const [before, after] = [await runOn(device, given), await runOn(device, changed)];
    expect(after.get('cAll')).toEqual(before.get('cAll'));
    expect(after.get('y')).not.toEqual(before.get('y'));
  });
});

function paddedWith(given: BnLstmCase, value: number): Float64Array {
  return (given.x as Float64Array).map((x, k) => {
    const [t, n] = [Math.floor(k / given.D / given.B), Math.floor(k / given.D) % given.B];
    return t < ((given.lengths as Int32Array)[n] as number) ? x : value;
  });
}

/** Rows of every step in another order: out row n is row order[n]. */
function permuteSteps(data: Float64Array, T: number, B: number, order: number[]): Float64Array {
  const width = data.length / T / B;
  return data.map((_, k) => {
    const [t, n, j] = [Math.floor(k / width / B), Math.floor(k / width) % B, k % width];
    return data[(t * B + (order[n] as number)) * width + j] as number;
  });
}

function permuteRows(given: BnLstmCase, order: number[]): BnLstmCase {
  const { T, B, parameters, upstream } = given;
  const move = (data: Float64Array, steps: number) => permuteSteps(data, steps, B, order);
  return {
    ...given,
    x: move(given.x as Float64Array, T),
    parameters: {
      ...parameters,
      h0: move(parameters.h0 as Float64Array, 1),
      c0: move(parameters.c0 as Float64Array, 1),
    },
    upstream: {
      dy: move(upstream.dy as Float64Array, T),
      dhT: move(upstream.dhT as Float64Array, 1),
      dcT: move(upstream.dcT as Float64Array, 1),
    },
  };
}
