// Bits do not depend on the number of threads, nor, with population statistics, on the rows beside:
// on a GPU results then do not but for rounding.
import { describe, expect, it, test } from 'vitest';
import type { BnLstmCase, CaseResult } from '../../lib/model/bn_lstm_case.js';
import type { FloatType } from '../../lib/native.js';
import { differing, differingRows } from './check_case.js';
import { refusal, runBy, type Way, ways } from './plans.js';
import { type CaseShape, randomCase } from './random_case.js';

const B = 70;
const lengths = Array.from({ length: B }, (_, n) => 1 + ((n * 3) % 5));
const shapes: Record<string, CaseShape> = {
  'one input': { T: 5, B, D: 1, H: 16 },
  'odd sizes, two directions, lengths': {
    T: 5,
    B,
    D: 20,
    H: 41,
    lengths,
    options: { directions: 2 },
  },
  tokens: { T: 5, B, D: 30, H: 7, tokens: true },
  'plain LSTM': { T: 5, B, D: 33, H: 24, options: { norm: 'none' } },
  'sequence statistics, zoneout': {
    ...{ T: 5, B, D: 5, H: 100 },
    options: { inputStatistics: 'sequence', zoneoutC: 0.2, zoneoutH: 0.1 },
  },
};
const types = ['f32', 'bf16'] as const;
const names = Object.keys(shapes);
const cases = names.flatMap((name) => types.map((dtype) => ({ name, dtype })));

type Numbers = Float32Array | Float64Array | Int32Array;

/** Rows `from` to `from + count` of [outer][B][...]. */
function rowsOf<A extends Numbers>(values: A, outer: number, from: number, count: number): A {
  const width = values.length / (outer * B);
  const length = outer * count * width;
  const pick = (_: unknown, k: number) => {
    const place = Math.floor(k / width);
    return values[(Math.floor(place / count) * B + from + (place % count)) * width + (k % width)];
  };
  return (values.constructor as unknown as { from(a: object, f: typeof pick): A }).from(
    { length },
    pick,
  );
}

/** The case with some of its rows alone. */
function partOf(given: BnLstmCase, from: number, count: number): BnLstmCase {
  const { T, x, tokens, parameters, upstream } = given;
  const { h0, c0 } = parameters;
  return {
    ...{ ...given, B: count },
    ...(x && { x: rowsOf(x, T, from, count) }),
    ...(tokens && { tokens: rowsOf(tokens, T, from, count) }),
    ...(given.lengths && { lengths: rowsOf(given.lengths, 1, from, count) }),
    parameters: {
      ...parameters,
      h0: rowsOf(h0, 1, from, count),
      c0: rowsOf(c0, 1, from, count),
    },
    upstream: Object.fromEntries(
      Object.entries(upstream).map(([name, data]) => [
        name,
        rowsOf(data, name === 'dy' ? T : 1, from, count),
      ]),
    ),
  };
}

/** What rows have for themselves: all but gradients of the parameters. */
function ofRows(result: CaseResult, T: number, from: number, count: number): CaseResult {
  const own = new Map<string, Float32Array | Float64Array>();
  for (const name of ['y', 'cAll', 'dx', 'hT', 'cT', 'dh0', 'dc0']) {
    const values = result.get(name);
    const outer = ['y', 'cAll', 'dx'].includes(name) ? T : 1;
    if (values) own.set(name, rowsOf(values, outer, from, count));
  }
  return own;
}

/** Rows alone and among others; one batch for training. */
function casesOf(dtype: FloatType, name: string) {
  const { options, ...shape } = shapes[name];
  const population = options?.norm === 'none' ? {} : { population: 4 };
  return {
    among: randomCase({ ...shape, ...population, options: { ...options, dtype } }),
    training: randomCase({ ...shape, options: { ...options, dtype } }),
  };
}

test.each(types)('only on a GPU may rows differ, and there by rounding alone: %s', (dtype) => {
  const pair = (...y: number[]) => new Map([['y', Float32Array.from(y)]]);
  const on = (device: string, plan: Way['plan'] = 'steps') => ({ device, plan });
  const compare = (way: Way, ...y: number[]) =>
    differingRows(way, dtype, pair(...y), pair(1, 0.5)).length;
  const next = 1 + 2 ** -23;
  const [gpu, exact] = [on('cuda:0'), [on('emulator'), on('cpu:avx2', 'auto')]];
  expect([compare(gpu, next, 0.5), compare(gpu, 1, 0.5)]).toEqual([0, 0]);
  expect(compare(on('emulator', 'persistent'), next, 0.5)).toBe(0);
  expect(exact.map((way) => compare(way, next, 0.5))).toEqual([1, 1]);
  for (const wrong of [[1.02, 0.5], [1, Number.NaN], [1]]) expect(compare(gpu, ...wrong)).toBe(1);
  expect(differingRows(gpu, dtype, new Map(), pair(1)).length).toBe(1);
  expect(differingRows(gpu, dtype, pair(1), new Map()).length).toBe(1);
});

describe.each(ways)('$device by $plan', (way: Way) => {
  const served = cases.filter(({ name, dtype }) => !refusal(way, casesOf(dtype, name).among));

  it.each(served)('rows among others, $dtype: $name', async ({ name, dtype }) => {
    const given = casesOf(dtype, name).among;
    const all = await runBy(way, given, { threads: 2 });
    let [compared, threads] = [0, 1];
    for (const [from, count] of [
      [0, 1],
      [69, 1],
      [20, 7],
      [31, 33],
      [0, B],
    ]) {
      const part = count === B ? given : partOf(given, from, count);
      const alone = await runBy(way, part, { threads });
      const own = (result: CaseResult) =>
        count === B ? result : new Map([...result].filter(([key]) => ofAll.has(key)));
      const ofAll = count === B ? all : ofRows(all, given.T, from, count);
      const compare = count === B ? differing : differingRows.bind(null, way, dtype);
      expect(compare(own(alone), ofAll), `${count} rows from ${from}`).toEqual([]);
      compared += ofAll.size;
      threads = threads === 1 ? 2 : threads === 2 ? 5 : 1;
    }
    expect(compared).toBeGreaterThan(5 * 6);
  });

  it.each(served)('training, 1, 2 and 5 threads, $dtype: $name', async ({ name, dtype }) => {
    const given = casesOf(dtype, name).training;
    const one = await runBy(way, given, { threads: 1 });
    expect(one.has('dwh') && one.has('y')).toBe(true);
    for (const threads of [2, 5]) {
      expect(differing(await runBy(way, given, { threads }), one), `${threads}`).toEqual([]);
    }
  });
});
