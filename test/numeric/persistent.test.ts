// The plan 'persistent' where no other suite takes it: products in TF32, sizes up to its limits, and
// what it refuses.
import { describe, expect, it, test, vi } from 'vitest';

// As many as a GPU has: the emulator's four would not hold the large layers.
vi.hoisted(() => {
  process.env.BNLSTM_EMULATOR_MULTIPROCESSORS = '132';
});

import type { BnLstmCase } from '../../lib/model/bn_lstm_case.js';
import { oracle } from '../../lib/model/bn_lstm_oracle.js';
import { bf16Cases, inBf16, roundedFailures } from './bf16_cases.js';
import { bnLstmShapes } from './bn_lstm_cases.js';
import { differing, failures, type Tolerance } from './check_case.js';
import { devices } from './devices.js';
import { refusal, runBy, runOrRefuse } from './plans.js';
import { type CaseShape, randomCase } from './random_case.js';

const gpus = devices.filter((device) => !device.startsWith('cpu'));
const ways = (device: string) => ({
  persistent: { device, plan: 'persistent' } as const,
  steps: { device, plan: 'steps' } as const,
});

/** TF32 has 10 bits of mantissa, and sums of a few products of such operands are off by 2^-11. */
const ofTf32: Tolerance = { forward: 1.5e-3, gradient: 4e-3, gradientFloor: 0.5 };
/**
 * Two plans round the same operands, but an h or a dA that falls to the other side of a tie. Only the
 * emulator's cuBLAS is known to round as we do.
 */
const ofOrder: Tolerance = { forward: 3e-4, gradient: 1.5e-3, gradientFloor: 0.5 };

/** Lanes of several rows, of which some have ended and some keep what they had. */
const eventfulRows = (B: number, directions: number): CaseShape => ({
  ...{ T: 6, B, D: 3, H: 9, lengths: Array.from({ length: B }, (_, n) => 1 + ((n * n) % 6)) },
  options: { zoneout: 'sample', zoneoutC: 0.3, zoneoutH: 0.2, directions },
});
const manyRows: Record<string, CaseShape> = {
  'B = 45, lengths and zoneout': eventfulRows(45, 1),
  'B = 75, lengths and zoneout, two directions': eventfulRows(75, 2),
  'B = 45, population': { T: 5, B: 45, D: 3, H: 9, population: 4 },
  'B = 75, population': { T: 5, B: 75, D: 3, H: 9, population: 4 },
};
const small: Record<string, CaseShape> = {
  ...bnLstmShapes,
  ...manyRows,
  'B = 128, four blocks': { T: 4, B: 128, D: 3, H: 27 },
  'shares of many items': { T: 4, B: 100, D: 3, H: 100 },
  'k divided into slices': { T: 4, B: 9, D: 3, H: 100 },
};
/** The others are in bf16.test.ts. */
const smallInBf16 = [
  ...Object.keys(manyRows),
  ...['B = 128, four blocks', 'shares of many items', 'k divided into slices'],
];

/** As large as they can be with the registers of a block, and with the blocks of an H100. */
const large: readonly (readonly [name: string, given: BnLstmCase, tf32: boolean])[] = [
  ['bf16, H = 1056', inBf16(randomCase({ T: 2, B: 3, D: 2, H: 1056 })), false],
  ['TF32, H = 1024', randomCase({ T: 2, B: 3, D: 2, H: 1024, options: { eps: 0.1 } }), true],
];

describe.each(gpus)('the persistent plan on %s', (device) => {
  const { persistent, steps } = ways(device);

  it.each(Object.keys(small))('in TF32: %s', async (name) => {
    const given = randomCase(small[name]);
    const actual = await runOrRefuse(persistent, given, true);
    if (!actual) return;
    expect(failures(actual, oracle(given), ofTf32)).toEqual([]);
    if (device !== 'emulator') return;
    expect(failures(actual, await runBy(steps, given, { tf32: true }), ofOrder)).toEqual([]);
  });

  it.each(smallInBf16)('in bf16: %s', async (name) => {
    const given = inBf16(randomCase(small[name]));
    expect(roundedFailures(await runBy(persistent, given), oracle(given))).toEqual([]);
  });

  it.each(large)('agrees with the steps alone: %s', async (_, given, tf32) => {
    const actual = await runOrRefuse(persistent, given, tf32);
    if (!actual) return;
    const expected = await runBy(steps, given, { tf32 });
    const found = tf32 ? failures(actual, expected, ofTf32) : roundedFailures(actual, expected);
    expect(found).toEqual([]);
  });

  it.each([
    ['bf16', 'bf16', 37, 9],
    ['TF32', 'f32', 37, 9],
    ['bf16, all its rows', 'bf16', 128, 32],
  ] as const)('gives equal rows equal bits, for 20 steps: %s', async (_, dtype, B, H) => {
    const [D, kinds] = [2, 7]; // row n is as row n + kinds
    const given = randomCase({
      ...{ T: 20, B, D, H, upstream: ['dy'] },
      options: { initialState: 'learned', dtype },
    });
    const alike = <Values extends Float32Array | Float64Array>(values: Values, columns: number) =>
      values.map((_, k) => {
        const [step, row] = [Math.floor(k / columns / B), Math.floor(k / columns) % B];
        return values[(step * B + (row % kinds)) * columns + (k % columns)];
      }) as Values;
    const dy = alike(given.upstream.dy, H);
    const repeated = { ...given, x: alike(given.x as Float64Array, D), upstream: { dy } };
    const result = await runBy(persistent, repeated, { tf32: dtype === 'f32' });
    for (const [name, columns] of Object.entries({ y: H, dx: D })) {
      const values = result.get(name) as Float32Array;
      expect(values, name).toEqual(alike(values, columns));
    }
  });

  const manyRuns = { T: 100, B: 5, D: 3, H: 9 }; // of 32 steps each at most
  it.each([
    ['lengths, two directions', { directions: 2 }],
    ['zoneout', { zoneout: 'sample', zoneoutC: 0.3, zoneoutH: 0.2 }],
    ['statistics of the sequence', { inputStatistics: 'sequence' }],
  ] as const)('is the same with other work beside the steps: %s', async (name, options) => {
    const lengths = name.startsWith('lengths') ? [100, 3, 64, 65, 97] : undefined;
    const shape = { ...manyRuns, ...(lengths && { lengths }) };
    const given = randomCase({ ...shape, options: { ...options, eps: 0.1 } });
    const overlapped = { device, plan: 'overlapped' } as const;
    const one = await runBy(overlapped, given, { tf32: true });
    expect(failures(one, oracle(given), ofTf32)).toEqual([]);
    for (let k = 0; k < 3; ++k) {
      expect(differing(await runBy(overlapped, given, { tf32: true }), one)).toEqual([]);
    }
  });

  it('gives the same bits from run to run, and in TF32 others than in f32', async () => {
    const given = randomCase({ T: 7, B: 35, D: 3, H: 29, options: { directions: 2 } });
    const one = await runBy(persistent, given, { tf32: true });
    expect(differing(await runBy(persistent, given, { tf32: true }), one)).toEqual([]);
    expect(differing(await runBy(steps, given), one)).not.toEqual([]);
  });
});

test('it refuses these cases alone', () => {
  const refused = (cases: readonly (readonly [string, BnLstmCase])[], tf32: boolean) =>
    cases.flatMap(([name, given]) => {
      const why = refusal(ways('emulator').persistent, given, tf32);
      return why === undefined ? [] : [`${name}: ${why}`];
    });
  expect(refused(bf16Cases, false)).toEqual([
    'B = 257: a batch of 257 rows is too large; it holds 128',
    'population, rows at different steps: rows stand at different steps of the population statistics',
  ]);
  const shapes = Object.entries(small).map(([name, shape]) => [name, randomCase(shape)] as const);
  const rows = refused(shapes, true).filter(
    (each) => !/: rows stand at different steps/.test(each),
  );
  expect(rows).toEqual(['B = 257: a batch of 257 rows is too large; it holds 128']);
  expect(refused(shapes, false).length).toBe(shapes.length);
});
