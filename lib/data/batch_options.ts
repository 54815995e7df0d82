import * as check from '../check.js';
import { hostStream, Philox } from '../random.js';
import type { BatchOptions } from './source.js';

const optionNames = ['batchSize', 'shuffle', 'lastBatch', 'limit'];

/** What a source of `count` sequences was asked for, with defaults filled in. */
export function checkBatchOptions(options: BatchOptions, count: number) {
  options = check.options(options, 'batches', optionNames);
  const { batchSize, shuffle, limit = count, lastBatch = 'drop' } = options;
  return {
    batchSize: check.integer(batchSize, 'batches: batchSize', { min: 1 }),
    limit: Math.min(check.integer(limit, 'batches: limit', { min: 0 }), count),
    lastBatch: check.oneOf(lastBatch, 'batches: lastBatch', ['drop', 'keep']),
    shuffle,
  };
}

/** An order of `count` sequences: a pure function of seed and epoch. */
export function batchOrder(
  count: number,
  { seed, epoch }: NonNullable<BatchOptions['shuffle']>,
): Int32Array {
  return new Philox(
    check.seed(seed, 'batches: shuffle.seed'),
    hostStream.batchOrder,
    check.integer(epoch, 'batches: shuffle.epoch', { min: 0, max: 2 ** 32 - 1 }),
  ).permutation(count);
}
