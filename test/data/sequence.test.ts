import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sequenceData } from '../../lib/data/sequence.js';
import type { Batch } from '../../lib/data/source.js';
import { bnLstm, lastStep, linear } from '../../lib/index.js';
import { Philox } from '../../lib/random.js';
import { expectError, normals, withModel } from '../model/support.js';
import { all, expectSeekable, expectSizes } from './contract.js';

const lengthOf = (n: number) => 1 + ((7 * n) % 11);
/** Sequence n has `lengthOf(n)` tokens n, and the class n. */
const numbered = (count: number, bucketBatches?: number) =>
  sequenceData({
    inputs: Array.from({ length: count }, (_, n) => new Int32Array(lengthOf(n)).fill(n)),
    targets: Int32Array.from({ length: count }, (_, n) => n),
    bucketBatches,
  });
const classes = (batches: readonly Batch[]) =>
  batches.flatMap(({ targets }) => [...(targets ?? [])]);
/** Positions of the batches that hold padding. */
const padding = (batches: readonly Batch[]) =>
  batches.reduce(
    (sum, { size, steps, lengths = [] }) =>
      sum + size * steps - Array.from(lengths).reduce((a, b) => a + b),
    0,
  );

describe('sequenceData', () => {
  it('pads a batch to its longest sequence', () => {
    const data = sequenceData({
      inputs: [
        [1, 2],
        [3, 4, 5, 6],
        [7, 8],
        [9, 10, 11, 12, 13, 14],
      ].map((a) => Float32Array.from(a)),
      features: 2,
      targets: Float32Array.of(1, 2, 3, 4),
      mask: Float32Array.of(1, 0, 1, 1),
    });
    expect(all(data, { batchSize: 3, lastBatch: 'keep' })).toEqual([
      {
        inputs: Float32Array.of(1, 2, 0, 0, 3, 4, 5, 6, 7, 8, 0, 0),
        targets: Float32Array.of(1, 2, 3),
        mask: Float32Array.of(1, 0, 1),
        lengths: Int32Array.of(1, 2, 1),
        size: 3,
        steps: 2,
      },
      {
        inputs: Float32Array.of(9, 10, 11, 12, 13, 14),
        targets: Float32Array.of(4),
        mask: Float32Array.of(1),
        lengths: Int32Array.of(3),
        size: 1,
        steps: 3,
      },
    ]);
  });

  it('pads the targets and the mask of steps', () => {
    const data = sequenceData({
      inputs: [Int32Array.of(5), Int32Array.of(6, 7)],
      targets: [Float32Array.of(1, 2), Float32Array.of(3, 4, 5, 6)],
      mask: [Float32Array.of(1), Float32Array.of(0, 1)],
      stepMultiple: 3,
    });
    expect(all(data, { batchSize: 2 })).toEqual([
      {
        inputs: Int32Array.of(5, 0, 0, 6, 7, 0),
        targets: Float32Array.of(1, 2, 0, 0, 0, 0, 3, 4, 5, 6, 0, 0),
        mask: Float32Array.of(1, 0, 0, 0, 1, 0),
        lengths: Int32Array.of(1, 2),
        size: 2,
        steps: 3,
      },
    ]);
  });

  it.each([undefined, 1, 3])('can be read from any place, in buckets of %s', (bucketBatches) => {
    expectSeekable((count) => numbered(count, bucketBatches));
    expectSizes((count) => numbered(count, bucketBatches));
  });

  it('in buckets too, gives every sequence once, by seed and epoch', () => {
    const [count, batchSize] = [fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9 })];
    fc.assert(
      fc.property(count, batchSize, fc.integer({ min: 1, max: 5 }), (count, batchSize, pool) => {
        const shuffle = { seed: 1, epoch: 2 };
        const batches = all(numbered(count, pool), { batchSize, lastBatch: 'keep', shuffle });
        expect(classes(batches).sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
        const plain = all(numbered(count), { batchSize, lastBatch: 'keep', shuffle });
        expect(padding(batches)).toBeLessThanOrEqual(padding(plain));
      }),
    );
    const order = (seed: number, epoch: number) =>
      classes(all(numbered(100, 5), { batchSize: 5, shuffle: { seed, epoch } })).join();
    expect(new Set([order(1, 0), order(1, 1), order(2, 0), order(2, 1)]).size).toBe(4);
  });

  it('in one bucket, has no more lengths in a batch than it must', () => {
    const batches = all(numbered(110, 99), { batchSize: 10, shuffle: { seed: 3, epoch: 1 } });
    // Ten sequences have each of the eleven lengths.
    for (const { lengths } of batches) expect(new Set(lengths).size).toBe(1);
    const steps = batches.map(({ steps }) => steps);
    expect(steps).not.toEqual([...steps].sort((a, b) => a - b));
  });

  it('leaves sequences out by chance, not by length', () => {
    const shuffle = { seed: 1, epoch: 1 };
    const options = { batchSize: 7, shuffle };
    const sorted = (pool?: number) => classes(all(numbered(60, pool), options)).sort();
    expect(sorted(4)).toEqual(sorted());
  });

  it('keeps the order of the source where that is not shuffled', () => {
    expect(all(numbered(20, 3), { batchSize: 4 })).toEqual(all(numbered(20), { batchSize: 4 }));
  });

  it('evaluates as sequences by themselves do', async () => {
    const random = new Philox(4);
    const inputs = Array.from({ length: 9 }, (_, n) => normals(3 * lengthOf(n), n));
    const targets = Int32Array.from(inputs, (_, n) => random.below(4, n));
    const layers = [bnLstm({ hidden: 5, maxSteps: 11 }), lastStep(), linear(4)];
    await withModel({ features: 3, seed: 1 }, layers, async (model) => {
      const data = sequenceData({ inputs, targets, features: 3 });
      await model.estimateStatistics(data);
      const together = await model.evaluate(data, { batchSize: 4 });
      let sum = 0;
      for (const [n, sequence] of inputs.entries()) {
        const options = { inputs: [sequence], targets: targets.subarray(n, n + 1), features: 3 };
        sum += (await model.evaluate(sequenceData(options))).loss / 9;
      }
      expect(together.loss).toBeCloseTo(sum, 5);
    });
  });

  const [two, three] = [new Float32Array(2), new Float32Array(3)];
  it.each([
    [
      { inputs: two },
      'sequenceData: inputs: expected an array of typed arrays, one per sequence, got Float32Array(2)',
    ],
    [
      { inputs: [] },
      'sequenceData: inputs: expected an array of typed arrays, one per sequence, got an array of 0',
    ],
    [
      { inputs: [two, [1]] },
      'sequenceData: sequence 1: inputs: expected a Float32Array or an Int32Array, got an array of 1',
    ],
    [
      { inputs: [two, three], features: 2 },
      'sequenceData: sequence 1: inputs: expected a multiple of features = 2 elements, got 3',
    ],
    [
      { inputs: [two, new Float32Array(0)] },
      'sequenceData: sequence 1: inputs: expected a multiple of features = 1 elements, got 0',
    ],
    [
      { inputs: [two, new Int32Array(2)] },
      'sequenceData: sequence 1: expected the type of inputs as in the first sequence, got another',
    ],
    [
      { inputs: [new Int32Array(2)], features: 2 },
      'sequenceData: sequence 0: inputs: expected reals, of several features, got an Int32Array',
    ],
    [
      { inputs: [two, three], targets: three },
      'sequenceData: targets: expected a multiple of 2 (sequences) elements, got Float32Array(3)',
    ],
    [
      { inputs: [two, three], targets: [two] },
      'sequenceData: targets: expected an array of 2, one array per sequence, got an array of 1',
    ],
    [
      { inputs: [two, three], targets: [two, two] },
      'sequenceData: sequence 1: targets: expected a multiple of 3 (steps) elements, got 2',
    ],
    [
      { inputs: [two, three], targets: [two, new Float32Array(6)] },
      'sequenceData: sequence 1: expected the width of the targets as in the first sequence, got another',
    ],
    [
      { inputs: [two, three], targets: [two, three], mask: two },
      'sequenceData: mask: expected an array of arrays, as the targets, got Float32Array(2)',
    ],
    [
      { inputs: [two, three], targets: two, mask: [two, three] },
      'sequenceData: mask: expected one array, got an array of 2',
    ],
    [
      { inputs: [two, three], targets: [two, three], mask: [two, two] },
      'sequenceData: sequence 1: mask: expected a Float32Array of 3 elements, got Float32Array(2)',
    ],
    [
      { inputs: [two], bucketBatches: 0 },
      'sequenceData: bucketBatches: expected an integer ≥ 1, got 0',
    ],
    [
      { inputs: [two], stepMultiple: 0.5 },
      'sequenceData: stepMultiple: expected an integer ≥ 1, got 0.5',
    ],
    [
      { inputs: [two], steps: 1 },
      'sequenceData: expected only the options inputs, features, targets, mask, bucketBatches, stepMultiple, got steps',
    ],
  ])('refuses %j', async (options, message) => {
    await expectError(() => sequenceData(options as never), 'ERR_BNLSTM_ARGUMENT');
    expect(() => sequenceData(options as never)).toThrow(message);
  });
});
