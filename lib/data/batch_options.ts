import * as check from '../check.js';
import { hostStream, Philox } from '../random.js';
import type { BatchOptions, LastBatch } from './source.js';

const optionNames = ['batchSize', 'shuffle', 'lastBatch', 'limit', 'skip'];
export const lastBatches = ['drop', 'keep', 'merge'] as const;

/** What a source was asked for, with defaults filled in. */
export interface CheckedBatchOptions {
  readonly batchSize: number;
  /** Sequences that may be read. */
  readonly limit: number;
  readonly lastBatch: LastBatch;
  readonly skip: number;
  readonly shuffle: BatchOptions['shuffle'];
}

/** @param count sequences of the source; Infinity where it is not known */
export function checkBatchOptions(options: BatchOptions, count: number): CheckedBatchOptions {
  options = check.options(options, 'batches', optionNames);
  const { batchSize, shuffle, limit, lastBatch = 'drop', skip = 0 } = options;
  if (shuffle !== undefined) {
    check.options(shuffle, 'batches: shuffle', ['seed', 'epoch']);
    check.seed(shuffle.seed, 'batches: shuffle.seed');
    check.integer(shuffle.epoch, 'batches: shuffle.epoch', { min: 0, max: 2 ** 32 - 1 });
  }
  return {
    batchSize: check.integer(batchSize, 'batches: batchSize', { min: 1 }),
    limit:
      limit === undefined
        ? count
        : Math.min(check.integer(limit, 'batches: limit', { min: 0 }), count),
    lastBatch: check.oneOf(lastBatch, 'batches: lastBatch', lastBatches),
    skip: check.integer(skip, 'batches: skip', { min: 0 }),
    shuffle,
  };
}

/** Which sequences a batch takes: `order[from..to)`. */
export interface Selection {
  readonly order: Int32Array;
  readonly from: number;
  readonly to: number;
}

/**
 * Where an order of sequences is cut into batches, those to skip included. A merged last batch has
 * at least as many sequences as any other, so that no single one is ever left over.
 */
export function cutBatches(
  order: Int32Array,
  { batchSize, limit, lastBatch }: CheckedBatchOptions,
): Selection[] {
  const whole = Math.floor(limit / batchSize);
  const rest = limit % batchSize > 0;
  const count = rest && (lastBatch === 'keep' || (lastBatch === 'merge' && whole === 0)) ? 1 : 0;
  return Array.from({ length: whole + count }, (_, index) => {
    const from = index * batchSize;
    const takesRest = lastBatch === 'merge' && index === whole - 1;
    return { order, from, to: takesRest ? limit : Math.min(from + batchSize, limit) };
  });
}

/** An order of `count` sequences: that of the source, or a pure function of seed and epoch. */
export function batchOrder(count: number, shuffle: BatchOptions['shuffle']): Int32Array {
  return shuffle
    ? new Philox(shuffle.seed, hostStream.batchOrder, shuffle.epoch).permutation(count)
    : Int32Array.from({ length: count }, (_, i) => i);
}
