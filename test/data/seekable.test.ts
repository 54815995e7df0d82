import { describe, expect, it } from 'vitest';
import { arrayData } from '../../lib/data/array.js';
import { recallTask } from '../../lib/data/recall.js';
import type { SeekableSource } from '../../lib/data/source.js';
import { textStream } from '../../lib/data/text_stream.js';
import { all, expectSeekable, expectSizes } from './contract.js';

const array = (count: number) =>
  arrayData({
    inputs: Float32Array.from({ length: 2 * count }, (_, i) => i),
    targets: Int32Array.from({ length: count }, (_, n) => n),
    steps: 2,
    lengths: Int32Array.from({ length: count }, (_, n) => 1 + (n % 2)),
  });

const text = (restartEvery?: number) => (count: number) =>
  textStream(
    Int32Array.from({ length: 3 * count + (count % 3) + 1 }, (_, i) => i),
    { steps: 3, restartEvery },
  );

const sources: [string, (count: number) => SeekableSource][] = [
  ['arrayData', array],
  ['recallTask', (count) => recallTask({ steps: 3, classes: 2, symbols: 4, count, seed: 1 })],
  ['textStream', text()],
  ['textStream that restarts', text(2)],
];

describe.each(sources)('%s', (_, make) => {
  it('can be read from any place', () => expectSeekable(make));
});

it('sequences are counted as batchSize, limit and lastBatch say', () => expectSizes(array));

it('batches that are skipped are not gathered', () => {
  const inputs = new Float32Array(1000);
  let reads = 0;
  const watched = new Proxy(inputs, {
    get(target, key) {
      if (key === 'subarray') reads++;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const source = arrayData({ inputs: watched });
  expect(all(source, { batchSize: 10, skip: 98 })).toHaveLength(2);
  expect(reads).toBe(20);
});
