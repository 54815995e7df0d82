import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch, BatchOptions } from '../../lib/data/source.js';
import { textStream } from '../../lib/data/text_stream.js';
import { expectError } from '../model/support.js';

/** Token i of the text is i. */
const numbers = (length: number) => Int32Array.from({ length }, (_, i) => i);
const read = (length: number, steps: number, options: BatchOptions, restartEvery?: number) => [
  ...textStream(numbers(length), { steps, restartEvery }).batches(options),
];
/** The inputs of each row. */
const rows = ({ inputs, size, steps }: Batch) =>
  Array.from({ length: size }, (_, n) => [...inputs.slice(n * steps, (n + 1) * steps)]);

describe('textStream', () => {
  it('cuts the text into streams side by side, read in chunks with their next tokens', () => {
    const batches = read(23, 3, { batchSize: 3 });
    expect(batches.map(rows)).toEqual([
      [
        [0, 1, 2],
        [7, 8, 9],
        [14, 15, 16],
      ],
      [
        [3, 4, 5],
        [10, 11, 12],
        [17, 18, 19],
      ],
    ]);
    expect([...(batches[1].targets ?? [])]).toEqual([4, 5, 6, 11, 12, 13, 18, 19, 20]);
    expect(batches.map(({ size, steps, reset }) => [size, steps, reset])).toEqual([
      [3, 3, true],
      [3, 3, false],
    ]);
  });

  it('keeps the steps that are left as a shorter chunk if asked to', () => {
    const batches = read(23, 3, { batchSize: 3, lastBatch: 'keep' });
    expect(batches.map(({ steps }) => steps)).toEqual([3, 3, 1]);
    expect(rows(batches[2])).toEqual([[6], [13], [20]]);
    expect(read(22, 3, { batchSize: 3, lastBatch: 'keep' })).toHaveLength(3);
    expect(read(19, 3, { batchSize: 3, lastBatch: 'keep' })).toHaveLength(2);
  });

  it('lengthens the last chunk by the steps that are left if asked to', () => {
    const merged = (length: number) => read(length, 3, { batchSize: 3, lastBatch: 'merge' });
    const batches = merged(23);
    expect(batches.map(({ steps }) => steps)).toEqual([3, 4]);
    expect(rows(batches[1])).toEqual([
      [3, 4, 5, 6],
      [10, 11, 12, 13],
      [17, 18, 19, 20],
    ]);
    expect(merged(19).map(({ steps }) => steps)).toEqual([3, 3]);
    expect(merged(7).map(({ steps }) => steps)).toEqual([2]);
  });

  it('lets every row go on where it has ended, whatever the sizes', () => {
    const sizes = [fc.integer({ min: 2, max: 200 }), fc.integer({ min: 1, max: 9 })] as const;
    fc.assert(
      fc.property(...sizes, fc.integer({ min: 1, max: 7 }), (length, steps, batchSize) => {
        fc.pre(length > steps);
        const batches = read(length, steps, { batchSize, lastBatch: 'keep' });
        const streams = Array.from({ length: batchSize }, (_, n) =>
          batches.flatMap((batch) => rows(batch)[n]),
        );
        // Together they are the text, but for less than one token per stream and the last.
        const expected = Math.floor((length - 1) / batchSize) * batchSize;
        expect(streams.flat()).toEqual([...numbers(expected)]);
        for (const { inputs, targets } of batches) {
          expect([...(targets ?? [])]).toEqual([...inputs].map((token) => token + 1));
        }
      }),
    );
  });

  it('starts streams anew where it is told to', () => {
    const resets = (every?: number) =>
      read(31, 2, { batchSize: 3 }, every).map(({ reset }) => reset);
    expect(resets()).toEqual([true, false, false, false, false]);
    expect(resets(2)).toEqual([true, false, true, false, true]);
    expect(resets(1)).toEqual([true, true, true, true, true]);
  });

  it('gives the batch of any step by itself', () => {
    const text = textStream(numbers(50), { steps: 4, restartEvery: 2 });
    const batches = [...text.batches({ batchSize: 4 })];
    expect(text.chunks(4)).toBe(batches.length);
    for (let step = 0; step < 10; step++) {
      expect(text.batch(step, 4)).toEqual(batches[step % batches.length]);
    }
  });

  it('limits to whole chunks', () => {
    expect(read(101, 5, { batchSize: 4, limit: 11 })).toHaveLength(2);
    expect(read(101, 5, { batchSize: 4, limit: 11, lastBatch: 'keep' })).toHaveLength(2);
    expect(read(101, 5, { batchSize: 4, limit: 999 })).toHaveLength(5);
  });

  it('shuffled, gives sequences of their own by seed and epoch', () => {
    const order = (seed: number, epoch: number) => {
      const batches = read(61, 5, { batchSize: 5, shuffle: { seed, epoch }, lastBatch: 'keep' });
      expect(batches.map(({ size }) => size)).toEqual([5, 5, 2]);
      expect(batches.every(({ reset }) => reset === true)).toBe(true);
      const all = batches.flatMap(rows);
      expect(all.flat().sort((a, b) => a - b)).toEqual([...numbers(60)]);
      for (const row of all) expect(row[4]).toBe(row[0] + 4);
      return all.map(([first]) => first).join();
    };
    expect(order(1, 0)).toBe(order(1, 0));
    expect(new Set([order(1, 0), order(1, 1), order(2, 0)]).size).toBe(3);
  });

  it('takes bytes', () => {
    const text = textStream(Uint8Array.of(200, 255, 0, 7), { steps: 3 });
    expect(text.batch(0, 1)).toMatchObject({
      inputs: Int32Array.of(200, 255, 0),
      targets: Int32Array.of(255, 0, 7),
    });
  });

  it('says what is wrong', async () => {
    const make = (tokens: unknown, options: object) => () =>
      textStream(tokens as Int32Array, { steps: 4, ...options });
    const code = 'ERR_BNLSTM_ARGUMENT';
    await expectError(make(numbers(4), {}), code, /tokens: expected more than steps = 4/);
    await expectError(make([1, 2, 3], {}), code, /tokens: expected an Int32Array or a Uint8Array/);
    await expectError(make(numbers(9), { steps: 0 }), code, /textStream: steps/);
    await expectError(make(numbers(9), { restartEvery: 0 }), code, /textStream: restartEvery/);
    await expectError(make(numbers(9), { batchSize: 2 }), code, /got batchSize/);
    const text = textStream(numbers(9), { steps: 4 });
    await expectError(() => text.batch(0, 3), code, /at most 2 streams of 9 tokens, got 3/);
    await expectError(() => text.batch(-1, 1), code, /batch: step/);
    await expectError(() => [...text.batches({ batchSize: 0 })], code, /batchSize/);
  });
});
