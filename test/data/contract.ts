// What every seekable source promises, whatever it holds.
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Batch, BatchOptions, SeekableSource } from '../../lib/data/source.js';

export const all = (source: SeekableSource, options: BatchOptions) => [
  ...(source.batches(options) as Iterable<Batch>),
];

const batchOptions: fc.Arbitrary<BatchOptions> = fc.record({
  batchSize: fc.integer({ min: 1, max: 12 }),
  lastBatch: fc.constantFrom('drop' as const, 'keep' as const, 'merge' as const, undefined),
  limit: fc.option(fc.nat(50), { nil: undefined }),
  shuffle: fc.option(fc.record({ seed: fc.nat(), epoch: fc.nat(1000) }), { nil: undefined }),
});

/**
 * `batches` with `skip` gives what it gives without, less the first ones; twice the same; and sizes
 * as `lastBatch` and `limit` say.
 * @param make a source of so many sequences, or about so many
 */
export function expectSeekable(make: (count: number) => SeekableSource): void {
  const count = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(count, batchOptions, fc.nat(9), (count, options, skip) => {
      const source = make(count);
      expect(source.seekable).toBe(true);
      const batches = all(source, options);
      expect(all(source, { ...options, skip })).toEqual(batches.slice(skip));
      expect(all(source, { ...options, skip: 0 })).toEqual(batches);
    }),
  );
}

/** Of a source in which `limit` and `lastBatch` count sequences. */
export function expectSizes(make: (count: number) => SeekableSource): void {
  const count = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(count, batchOptions, (count, options) => {
      const { batchSize, lastBatch, limit = count } = options;
      const sizes = all(make(count), options).map(({ size }) => size);
      const given = Math.min(limit, count);
      const rest = given % batchSize;
      const read = lastBatch === 'keep' || lastBatch === 'merge' ? given : given - rest;
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(read);
      for (const size of sizes.slice(0, -1)) expect(size).toBe(batchSize);
      if (lastBatch === 'merge' && given >= batchSize) expect(sizes.at(-1)).toBe(batchSize + rest);
    }),
  );
}
