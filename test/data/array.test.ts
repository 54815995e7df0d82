import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrayData } from '../../lib/data/array.js';
import type { Batch, BatchOptions } from '../../lib/data/source.js';

/** `count` sequences of two steps; sequence n holds n + .1 and n + .2, its class is n. */
function numbered(count: number) {
  const inputs = Float32Array.from({ length: 2 * count }, (_, i) => (i >> 1) + (i % 2 ? 0.2 : 0.1));
  const targets = Int32Array.from({ length: count }, (_, n) => n);
  return arrayData({ inputs, targets, steps: 2 });
}

const read = (count: number, options: BatchOptions) => [
  ...(numbered(count).batches(options) as Iterable<Batch>),
];
const classes = (batches: readonly Batch[]) =>
  batches.flatMap(({ targets }) => [...(targets ?? [])]);

describe('arrayData', () => {
  it('cuts batches in order and drops the last small one', () => {
    const batches = read(5, { batchSize: 2 });
    expect(batches.map(({ size, steps }) => [size, steps])).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(classes(batches)).toEqual([0, 1, 2, 3]);
    expect([...batches[1].inputs]).toEqual([2.1, 2.2, 3.1, 3.2].map(Math.fround));
  });

  it('keeps the last small one if asked to', () => {
    const batches = read(5, { batchSize: 2, lastBatch: 'keep' });
    expect(batches.map(({ size }) => size)).toEqual([2, 2, 1]);
    expect(classes(batches)).toEqual([0, 1, 2, 3, 4]);
  });

  it('merges the last small one into the batch before it, if there is one', () => {
    const sizes = (count: number, limit?: number) =>
      read(count, { batchSize: 3, lastBatch: 'merge', limit }).map(({ size }) => size);
    expect(sizes(7)).toEqual([3, 4]);
    expect(sizes(8)).toEqual([3, 5]);
    expect(sizes(9)).toEqual([3, 3, 3]);
    expect(sizes(2)).toEqual([2]);
    expect(sizes(9, 4)).toEqual([4]);
    expect(sizes(9, 0)).toEqual([]);
  });

  it('shuffles by seed and epoch alone, every sequence once, with all its columns', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(1000), (count, seed, epoch) => {
        const options = { batchSize: 3, lastBatch: 'keep', shuffle: { seed, epoch } } as const;
        const batches = read(count, options);
        expect(classes(batches).sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
        expect(read(count, options)).toEqual(batches);
        for (const { inputs, targets } of batches) {
          targets?.forEach((n, row) => {
            expect(inputs[2 * row]).toBe(Math.fround(n + 0.1));
          });
        }
      }),
    );
    const order = (seed: number, epoch: number) =>
      classes(read(100, { batchSize: 10, shuffle: { seed, epoch } })).join();
    expect(new Set([order(1, 0), order(1, 1), order(2, 0), order(2, 1)]).size).toBe(4);
  });

  it('limits to the first sequences of the order', () => {
    const shuffle = { seed: 1, epoch: 0 };
    const all = classes(read(50, { batchSize: 5, shuffle }));
    expect(classes(read(50, { batchSize: 5, shuffle, limit: 20 }))).toEqual(all.slice(0, 20));
    expect(read(50, { batchSize: 5, limit: 4 })).toEqual([]);
    expect(read(50, { batchSize: 50, limit: 999 })).toHaveLength(1);
  });

  it('turns bytes into reals batch by batch', () => {
    const [batch] = arrayData({ inputs: Uint8Array.of(0, 51, 255) }).batches({
      batchSize: 3,
    }) as Iterable<Batch>;
    expect(batch.inputs).toEqual(Float32Array.of(0, 0.2, 1));
    const [raw] = arrayData({ inputs: Uint8Array.of(7), byteScale: 1 }).batches({
      batchSize: 1,
    }) as Iterable<Batch>;
    expect(raw.inputs).toEqual(Float32Array.of(7));
  });

  it('carries tokens, per-step targets, lengths and mask', () => {
    const data = arrayData({
      inputs: Int32Array.of(1, 2, 3, 4, 5, 0),
      targets: Int32Array.of(2, 3, 0, 5, 0, 0),
      steps: 3,
      lengths: Int32Array.of(3, 2),
      mask: Float32Array.of(1, 1, 0, 1, 0, 0),
    });
    expect(data.count).toBe(2);
    const [, second] = data.batches({ batchSize: 1 }) as Iterable<Batch>;
    expect(second).toEqual({
      inputs: Int32Array.of(4, 5, 0),
      targets: Int32Array.of(5, 0, 0),
      lengths: Int32Array.of(2),
      mask: Float32Array.of(1, 0, 0),
      size: 1,
      steps: 3,
    });
  });

  it('gives arrays that the caller may keep and change', () => {
    const inputs = Float32Array.of(1, 2);
    const [batch] = arrayData({ inputs }).batches({ batchSize: 2 }) as Iterable<Batch>;
    batch.inputs[0] = 99;
    expect(inputs[0]).toBe(1);
  });

  const inputs = new Float32Array(12);
  it.each([
    [
      { inputs: [1, 2] },
      'arrayData: inputs: expected a Float32Array or an Int32Array or a Uint8Array, got an array of 2',
    ],
    [
      { inputs, steps: 5 },
      'arrayData: inputs: expected a multiple of steps × features = 5 elements, got 12',
    ],
    [
      { inputs: new Float32Array(0) },
      'arrayData: inputs: expected a multiple of steps × features = 1 elements, got 0',
    ],
    [{ inputs, steps: 0 }, 'arrayData: steps: expected an integer ≥ 1, got 0'],
    [
      { inputs: new Int32Array(4), features: 2 },
      'arrayData: features: expected none for token ids (an Int32Array), got 2',
    ],
    [
      { inputs, steps: 4, targets: new Int32Array(4) },
      'arrayData: targets: expected a multiple of 3 (sequences) elements, got 4',
    ],
    [
      { inputs, steps: 4, lengths: new Int32Array(2) },
      'arrayData: lengths: expected an Int32Array of 3 elements, got Int32Array(2)',
    ],
    [
      { inputs, steps: 4, lengths: Int32Array.of(4, 0, 1) },
      'arrayData: lengths[1]: expected an integer from 1 to 4, got 0',
    ],
    [
      { inputs, sizes: 4 },
      'arrayData: expected only the options inputs, targets, steps, features, lengths, mask, byteScale, got sizes',
    ],
  ])('refuses %j', (options, message) => {
    expect(() => arrayData(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_BNLSTM_ARGUMENT', message }),
    );
  });

  it.each([
    [{ batchSize: 0 }, 'batches: batchSize: expected an integer ≥ 1, got 0'],
    [
      { batchSize: 2, lastBatch: 'pad' },
      'batches: lastBatch: expected "drop" or "keep" or "merge", got "pad"',
    ],
    [
      { batchSize: 2, shuffle: { seed: -1, epoch: 0 } },
      'batches: shuffle.seed: expected an integer ≥ 0, got -1',
    ],
    [{ batchSize: 2, skip: -1 }, 'batches: skip: expected an integer ≥ 0, got -1'],
    [
      { batchSize: 2, shuffle: { seed: 1, epoch: 1, order: 2 } },
      'batches: shuffle: expected only the options seed, epoch, got order',
    ],
  ])('refuses batches of %j', (options, message) => {
    expect(() => read(4, options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_BNLSTM_ARGUMENT', message }),
    );
  });
});
