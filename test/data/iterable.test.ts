import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrayData } from '../../lib/data/array.js';
import { type IterableDataOptions, iterableData } from '../../lib/data/iterable.js';
import type { Sample } from '../../lib/data/sample.js';
import type { Batch, BatchOptions, DataSource } from '../../lib/data/source.js';
import { bnLstm, lastStep, linear } from '../../lib/index.js';
import {
  expectError,
  noiseBatch,
  noiseData,
  trainerOf,
  weights,
  withModel,
} from '../model/support.js';

const sample = (n: number): Sample => ({
  inputs: Float32Array.of(n + 0.1, n + 0.2),
  targets: Int32Array.of(n),
});
const samples = (count: number) => Array.from({ length: count }, (_, n) => sample(n));
const numbered = (count: number, options?: IterableDataOptions) =>
  iterableData(() => samples(count), options);

async function all(source: DataSource, options: BatchOptions): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of source.batches(options)) batches.push(batch);
  return batches;
}
const classes = (batches: readonly Batch[]) =>
  batches.flatMap(({ targets }) => [...(targets ?? [])]);

describe('iterableData', () => {
  it('gathers samples into batches as arrayData does', async () => {
    const options = fc.record({
      batchSize: fc.integer({ min: 1, max: 9 }),
      lastBatch: fc.constantFrom('drop' as const, 'keep' as const, 'merge' as const),
      limit: fc.option(fc.nat(40), { nil: undefined }),
      skip: fc.nat(5),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), options, async (count, options) => {
        const inputs = Float32Array.from(samples(count).flatMap(({ inputs }) => [...inputs]));
        const targets = Int32Array.from({ length: count }, (_, n) => n);
        const expected = await all(arrayData({ inputs, targets, steps: 2 }), options);
        expect(await all(numbered(count, { seekable: true }), options)).toEqual(expected);
      }),
    );
  });

  it('reads generators, async ones too, once per epoch', async () => {
    let epochs = 0;
    const source = iterableData(async function* () {
      epochs++;
      yield* samples(5);
    });
    for (let epoch = 1; epoch <= 2; epoch++) {
      expect(classes(await all(source, { batchSize: 2 }))).toEqual([0, 1, 2, 3]);
    }
    expect(epochs).toBe(2);
    expect([source.count, source.seekable, source.resume]).toEqual([undefined, false, undefined]);
  });

  it('pads samples of variable length', async () => {
    const source = iterableData(
      () => [
        { inputs: Int32Array.of(1), targets: Int32Array.of(2) },
        { inputs: Int32Array.of(3, 4, 5), targets: Int32Array.of(6, 7, 8) },
      ],
      { variableLength: true, perStep: true, stepMultiple: 2 },
    );
    expect(await all(source, { batchSize: 2 })).toEqual([
      {
        inputs: Int32Array.of(1, 0, 0, 0, 3, 4, 5, 0),
        targets: Int32Array.of(2, 0, 0, 0, 6, 7, 8, 0),
        lengths: Int32Array.of(1, 3),
        size: 2,
        steps: 4,
      },
    ]);
  });

  it('lets whole batches pass, as many as fit the limit', async () => {
    const batches = [3, 5, 2].map((count) => noiseBatch({ count }));
    const source = iterableData(() => batches, { seekable: true });
    expect(await all(source, { batchSize: 100 })).toEqual(batches);
    expect(await all(source, { batchSize: 1, limit: 8 })).toEqual(batches.slice(0, 2));
    expect(await all(source, { batchSize: 1, limit: 9 })).toEqual(batches.slice(0, 2));
    expect(await all(source, { batchSize: 1, skip: 2 })).toEqual(batches.slice(2));
  });

  it('reads no more than it needs, and closes the iterator', async () => {
    let read = 0;
    let closed = 0;
    const source = iterableData(function* () {
      try {
        for (;;) yield sample(read++);
      } finally {
        closed++;
      }
    });
    expect(await all(source, { batchSize: 2, limit: 4 })).toHaveLength(2);
    expect([read, closed]).toEqual([4, 1]);
    for await (const _ of source.batches({ batchSize: 3 })) break;
    expect([read, closed]).toEqual([7, 2]);
  });

  it('lets a generator use its arrays again', async () => {
    const source = (options?: IterableDataOptions) =>
      iterableData(function* () {
        const inputs = new Float32Array(1);
        for (let n = 0; n < 6; n++) {
          inputs[0] = n;
          yield { inputs };
        }
      }, options);
    const batches = await all(source(), { batchSize: 3 });
    expect(batches.flatMap(({ inputs }) => [...inputs])).toEqual([0, 1, 2, 3, 4, 5]);
    const shuffle = { seed: 1, epoch: 1 };
    const shuffled = await all(source({ shuffle: 4 }), { batchSize: 3, shuffle });
    expect(new Set(shuffled.flatMap(({ inputs }) => [...inputs])).size).toBe(6);
  });

  describe('in shuffled order', () => {
    const order = async (source: DataSource, seed: number, epoch: number, more = {}) =>
      classes(await all(source, { batchSize: 1, shuffle: { seed, epoch }, ...more }));

    it('draws from a buffer, by seed and epoch alone', async () => {
      const data = numbered(50, { shuffle: 10, seekable: true });
      const first = await order(data, 1, 1);
      expect([...first].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
      expect(await order(data, 1, 1)).toEqual(first);
      expect(await order(data, 1, 1, { skip: 20 })).toEqual(first.slice(20));
      for (const [place, n] of first.entries()) expect(n).toBeLessThan(place + 11);
      const others = [await order(data, 1, 2), await order(data, 2, 1), [...Array(50).keys()]];
      for (const other of others) expect(other).not.toEqual(first);
      expect(classes(await all(data, { batchSize: 1 }))).toEqual([...Array(50).keys()]);
    });

    it('reaches every place from a buffer as large as the data', async () => {
      const places = new Set<string>();
      const data = numbered(4, { shuffle: 4 });
      for (let seed = 0; seed < 400; seed++) places.add(`${await order(data, seed, 0)}`);
      expect(places.size).toBe(24);
    });

    it('or leaves it to make', async () => {
      const asked: unknown[] = [];
      const data = iterableData(
        (shuffle) => {
          asked.push(shuffle);
          return samples(3);
        },
        { shuffle: 'make' },
      );
      expect(await order(data, 7, 3)).toEqual([0, 1, 2]);
      await all(data, { batchSize: 1 });
      expect(asked).toEqual([{ seed: 7, epoch: 3 }, undefined]);
    });

    it('or refuses it', async () => {
      const message = /iterableData: shuffle: expected 'make' or the size of a buffer/;
      await expectError(() => order(numbered(5), 1, 1), 'ERR_BNLSTM_ARGUMENT', message);
    });
  });

  it('goes on where resume says', async () => {
    const cursor = { epoch: 1, batches: 2 };
    const data = numbered(9, {
      resume: ({ batches }, { batchSize }) => samples(9).slice(batches * batchSize),
    });
    const rest: Batch[] = [];
    const options = { batchSize: 2, lastBatch: 'keep', limit: 8 } as const;
    for await (const batch of data.resume?.(cursor, options) ?? []) rest.push(batch);
    expect(rest).toEqual((await all(data, options)).slice(2));
    expect(rest).toHaveLength(2);
  });

  it('trains as the same data in arrays do', async () => {
    const { inputs, targets } = noiseBatch({ count: 12 });
    const rows = Array.from({ length: 12 }, (_, n) => ({
      inputs: inputs.slice(n * 18, (n + 1) * 18),
      targets: (targets as Int32Array).slice(n, n + 1),
    }));
    const run = (data: DataSource) =>
      withModel(
        { features: 3, seed: 5 },
        [bnLstm({ hidden: 8, maxSteps: 6 }), lastStep(), linear(4)],
        async (model) => {
          const options = { batchSize: 5, epochs: 2, shuffle: false, lastBatch: 'merge' } as const;
          for await (const _ of trainerOf(model).run(data, options));
          return weights(model);
        },
      );
    const data = iterableData(() => rows, { features: 3 });
    expect(await run(data)).toEqual(await run(noiseData({ count: 12 })));
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'an iterator that was read',
      (() => {
        const once = samples(3).values();
        return () => once;
      })(),
      /make: expected a new iterable for every epoch, got an iterator/,
    ],
    [
      'a wrapped iterator that was read',
      (() => {
        const once = samples(3).values();
        return () => ({ [Symbol.iterator]: () => once });
      })(),
      /make: expected a new iterable .* got nothing/,
    ],
  ])('refuses %s', async (_, make, message) => {
    const source = iterableData(make as never);
    expect(await all(source, { batchSize: 1 })).toHaveLength(3);
    await expectError(() => all(source, { batchSize: 1 }), 'ERR_BNLSTM_ARGUMENT', message);
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing to iterate', undefined, /make: expected to give an iterable, got undefined/],
    ['numbers', [1], /item 0: expected a sample or a batch, got 1/],
    [
      'a batch after a sample',
      [sample(1), noiseBatch({ count: 2 })],
      /item 1: expected a sample, as before, got a batch/,
    ],
    [
      'a sample after a batch',
      [noiseBatch({ count: 2 }), sample(1)],
      /item 1: expected a batch, as before/,
    ],
    ['a batch of size 0', [{ size: 0 }], /item 0: size: expected an integer ≥ 1/],
    [
      'a sample of other steps',
      [sample(1), { inputs: new Float32Array(3), targets: Int32Array.of(1) }],
      /item 1: expected 2 steps, as the first sequence has, got 3/,
    ],
    [
      'a sample without targets',
      [sample(1), { inputs: new Float32Array(2) }],
      /item 1: expected targets, and their type/,
    ],
    [
      'a sample with something else',
      [{ ...sample(1), label: 1 }],
      /item 0: expected only the options inputs, targets, mask, got label/,
    ],
  ])('refuses %s', async (_, items, message) => {
    const read = () =>
      all(
        iterableData(() => items as never),
        { batchSize: 2 },
      );
    await expectError(read, 'ERR_BNLSTM_ARGUMENT', message);
  });

  it('says what is wrong', async () => {
    const given = (options: object) => () => numbered(2, options);
    const code = 'ERR_BNLSTM_ARGUMENT';
    await expectError(() => iterableData(samples(2) as never), code, /make: expected a function/);
    await expectError(given({ count: -1 }), code, /iterableData: count/);
    await expectError(given({ shuffle: 0 }), code, /iterableData: shuffle/);
    await expectError(given({ shuffle: true }), code, /iterableData: shuffle/);
    await expectError(given({ seekable: 1 }), code, /iterableData: seekable/);
    await expectError(given({ resume: 1 }), code, /iterableData: resume/);
    await expectError(given({ resume: () => [], shuffle: 9 }), code, /resume: expected none/);
    await expectError(given({ steps: 1 }), code, /got steps/);
    const skip = () => all(numbered(2), { batchSize: 1, skip: 1 });
    await expectError(skip, code, /skip: expected 0 for data that are not seekable/);
  });
});
