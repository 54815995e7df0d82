// `recompute` and `recomputeInputs` trade memory for time and nothing else: every tensor keeps its bits.
import { describe, expect, it } from 'vitest';
import { type BnLstmCase, type CaseResult, runCase } from '../../lib/model/bn_lstm_case.js';
import type { FloatType, NativeOp } from '../../lib/native.js';
import type { BnLstmOptions } from '../../lib/ops/bn_lstm.js';
import { differing, withStream } from './check_case.js';
import { refusal, type Way, ways } from './plans.js';
import { type CaseShape, randomCase } from './random_case.js';

const zoneout = { zoneout: 'sample', zoneoutC: 0.3, zoneoutH: 0.2 } as const;

/** By name, of so many rows. */
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
    'lengths, tokens in two directions, sequence statistics': {
      ...{ ...sizes, lengths, tokens: true },
      options: { inputStatistics: 'sequence', eps: 0.1, directions: 2 },
    },
    'population, rows in step': { ...sizes, population: 5 },
  };
}

/**
 * On a CPU chunks are made of whole gradient runs, and those are two steps for so many rows. Of few
 * rows a run is three steps in the emulator.
 */
const rowsOf = ({ device }: Way) => (device.startsWith('cpu') ? 130 : 7);

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
  const onCpu = way.device.startsWith('cpu');
  const caseOf = (name: string, dtype: FloatType, mode: Partial<BnLstmOptions>) => {
    const shape = shapesOf(rowsOf(way))[name];
    return randomCase({ ...shape, options: { ...shape.options, dtype, plan: way.plan, ...mode } });
  };
  const served = cases.filter(({ name, dtype }) => !refusal(way, caseOf(name, dtype, {})));

  it.each(served)('$dtype: $name', async ({ name, dtype }) => {
    const running = (mode: Partial<BnLstmOptions>, threads = 0) =>
      run(way, caseOf(name, dtype, mode), threads);
    const kept = await running({});
    expect(kept.saved).toBeGreaterThan(0);
    // Chunks of one run, of two, one that leaves a part at the end, and one that is all.
    for (const recompute of [1, 4, 10, 99]) {
      const { result, saved } = await running({ recompute }, recompute % 3);
      expect(differing(result, kept.result), `${recompute} steps`).toEqual([]);
      if (!onCpu) continue;
      // c and h before each chunk: little of a step, though rows of so few units are padded.
      const borders = Math.ceil(11 / Math.max(recompute, 2));
      if (recompute < 11) expect(saved / kept.saved).toBeLessThan((borders / 11) * 0.75);
      else expect(saved).toBe(kept.saved);
    }
    const inputs = await running({ recomputeInputs: true }, 2);
    expect(differing(inputs.result, kept.result), 'inputs').toEqual([]);
    if (onCpu || caseOf(name, dtype, {}).options.norm === 'none')
      expect(inputs.saved).toBe(kept.saved);
    else expect(inputs.saved / kept.saved).toBeLessThan(dtype === 'bf16' ? 0.72 : 0.76);
    // With chunks there is nothing more to leave out; where all is one run there are none.
    const [chunks, both] = [
      await running({ recompute: 4 }),
      await running({ recompute: 4, recomputeInputs: true }),
    ];
    expect(differing(both.result, kept.result), 'both').toEqual([]);
    expect(both.saved).toBe(chunks.saved < kept.saved ? chunks.saved : inputs.saved);
  });
});
