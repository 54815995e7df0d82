import { describe, expect, it } from 'vitest';
import { recallTask } from '../../lib/data/recall.js';
import type { Batch } from '../../lib/data/source.js';

const options = { steps: 60, classes: 8, symbols: 16, count: 500, seed: 1 };
const all = (seed: number) => {
  const [batch] = recallTask({ ...options, seed }).batches({ batchSize: 500 }) as Iterable<Batch>;
  return batch as Batch & { targets: Int32Array };
};

describe('recallTask', () => {
  it('asks for the first symbol, which is one of the classes', () => {
    const { inputs, targets, size, steps } = all(1);
    expect([size, steps, inputs.length]).toEqual([500, 60, 30_000]);
    expect(new Set(targets)).toEqual(new Set(Array(8).keys()));
    expect(new Set(inputs)).toEqual(new Set(Array(16).keys()));
    targets.forEach((target, n) => {
      expect(inputs[n * 60]).toBe(target);
    });
  });

  it('is a pure function of the seed', () => {
    expect(all(1)).toEqual(all(1));
    expect(all(2)).not.toEqual(all(1));
  });

  it('refuses fewer symbols than classes', () => {
    expect(() => recallTask({ ...options, symbols: 7 })).toThrow(
      'recallTask: symbols: expected an integer ≥ 8, got 7',
    );
  });
});
