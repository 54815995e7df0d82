// `recompute` trades memory for time and nothing else: every tensor keeps its bits.
import { describe, expect, it } from 'vitest';
import { type BnLstmCase, type CaseResult, runCase } from '../../lib/model/bn_lstm_case.js';
import type { FloatType, NativeOp } from '../../lib/native.js';
import { differing, failures, withStream } from './check_case.js';
import { refusal, type Way, ways } from './plans.js';
import { type CaseShape, randomCase } from './random_case.js';

// On a CPU chunks are made of whole gradient runs, and those are two steps for so many rows; on the
// emulator of runs of three steps.
const rowsOf = ({ device }: Way) => (device.startsWith('cpu') ? 130 : 30);
const zoneout = { zoneout: 'sample', zoneoutC: 0.3, zoneoutH: 0.2 } as const;
function shapesOf(B: number): Record<string, CaseShape> {
  const sizes = { T: 11, B, D: 4, H: 6 };
  const lengths = Array.from({ length: B }, (_, n) => [11, 1, 4, 6, 11, 5, 3, 8, 9][n % 9]);
  return {
    plain: sizes,
    'inputs that are kept': { ...sizes, D: 40, H: 33 },
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
    population: {
      ...{ ...sizes, population: 5 },
      firstStep: Array.from({ length: B }, (_, n) => (n === 7 ? 100 : n % 7)),
    },
  };
}
const types = ['f32', 'bf16'] as const;
const cases = Object.keys(shapesOf(1)).flatMap((name) => types.map((dtype) => ({ name, dtype })));

/** Its results, and the bytes of `saved` that the engine asked for. */
function run({ device }: Way, given: BnLstmCase, threads: number) {
  return withStream(
    device,
    async (stream) => {
      let saved = 0;
      const sizes = stream.sizes.bind(stream);
      const value = (op: NativeOp) => {
        const found = sizes(op);
        if (op.name === 'bnLstm') saved = found.saved;
        return found;
      };
      Object.defineProperty(stream, 'sizes', { value });
      const result: CaseResult = await runCase(stream, given);
      return { result, saved };
    },
    threads,
  );
}

describe.each(ways)('$device by $plan', (way) => {
  const caseOf = (name: string, dtype: FloatType, recompute: number) => {
    const shape = shapesOf(rowsOf(way))[name];
    const options = { ...shape.options, dtype, recompute, plan: way.plan };
    return randomCase({ ...shape, options });
  };
  const served = cases.filter(({ name, dtype }) => !refusal(way, caseOf(name, dtype, 0)));

  it.each(served)('$dtype: $name', async ({ name, dtype }) => {
    const kept = await run(way, caseOf(name, dtype, 0), 0);
    expect(kept.saved).toBeGreaterThan(0);
    // Chunks of two or three steps, of four or six, one that leaves few steps at the end, and all.
    for (const steps of [1, 4, 10, 99]) {
      const { result, saved } = await run(way, caseOf(name, dtype, steps), steps % 3);
      if (way.device.startsWith('cuda')) {
        expect(failures(result, kept.result, { forward: 1e-6, gradient: 1e-6 })).toEqual([]);
        continue;
      }
      expect(differing(result, kept.result), `${steps} steps`).toEqual([]);
      if (!way.device.startsWith('cpu')) continue;
      // c and h before each chunk: little of a step, though rows of so few units are padded.
      const borders = Math.ceil(11 / Math.max(steps, 2));
      if (steps < 11) expect(saved / kept.saved).toBeLessThan((borders / 11) * 0.75);
      else expect(saved).toBe(kept.saved);
    }
  });
});
