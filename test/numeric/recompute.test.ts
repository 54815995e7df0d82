// `recompute` trades memory for time and nothing else: every tensor keeps its bits.
import { describe, expect, it } from 'vitest';
import { failures, runOn } from './check_case.js';
import { devices } from './devices.js';
import { type CaseShape, randomCase } from './random_case.js';

const sizes = { T: 11, B: 9, D: 4, H: 6 };
const lengths = [11, 1, 4, 6, 11, 5, 3, 8, 9];
const zoneout = { zoneout: 'sample', zoneoutC: 0.3, zoneoutH: 0.2 } as const;
const shapes: Record<string, CaseShape> = {
  plain: sizes,
  tokens: { ...sizes, tokens: true },
  'last step only': { ...sizes, upstream: ['dhT'] },
  'learned state with noise': {
    ...sizes,
    attempt: 4,
    options: { initialState: 'learned', noise: 0.3 },
  },
  'sequence statistics': { ...sizes, options: { inputStatistics: 'sequence' } },
  'two directions, lengths': { ...sizes, lengths, options: { directions: 2, eps: 0.1 } },
  'lengths, padding as data': { ...sizes, lengths, options: { lengthStatistics: 'all' } },
  'lengths, sequence statistics, zoneout': {
    ...{ ...sizes, lengths, attempt: 2 },
    options: { inputStatistics: 'sequence', eps: 0.1, ...zoneout },
  },
  zoneout: { ...sizes, attempt: 2, options: zoneout },
  'plain LSTM': { ...sizes, options: { norm: 'none' } },
  population: { ...sizes, population: 5, firstStep: [0, 1, 2, 3, 4, 5, 6, 100, 2] },
};

describe.each(devices)('%s', (device) => {
  it.each(Object.keys(shapes))('%s', async (name) => {
    const shape = shapes[name];
    const run = (recompute: number, threads = 0) => {
      const options = { ...shape.options, recompute };
      return runOn(device, randomCase({ ...shape, options }), threads);
    };
    const kept = await run(0);
    // Chunks of one step, some that leave a shorter one at the end, and one that is all.
    for (const steps of [1, 2, 4, 10, 11, 99]) {
      const computed = await run(steps, steps % 2);
      if (device.startsWith('cpu')) expect(computed, `${steps} steps`).toEqual(kept);
      else expect(failures(computed, kept, { forward: 1e-6, gradient: 1e-6 })).toEqual([]);
    }
  });
});
