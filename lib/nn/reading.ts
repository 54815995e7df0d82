import * as check from '../check.js';
import { numberedBatches } from '../data/numbered.js';
import type { Batch, DataSource, LastBatch } from '../data/source.js';

/** A user's data source. */
export function checkDataSource(data: DataSource, name: string): DataSource {
  const counts = data?.count === undefined || Number.isSafeInteger(data.count);
  if (typeof data?.batches !== 'function' || !counts) {
    throw check.argumentError(name, 'a data source such as arrayData()', check.show(data));
  }
  return data;
}

export interface ReadOptions {
  /** Rows of a batch. Default 100. */
  readonly batchSize?: number | undefined;
  /** At most so many sequences, the first ones. Default: all. */
  readonly limit?: number | undefined;
  /**
   * The batches are chunks of longer sequences, one after another, and say in `reset` which rows
   * start anew: the others go on where the batch before has left them. Default false.
   */
  readonly carryState?: boolean | undefined;
  /** Ends the work between batches: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export const readOptionNames = ['batchSize', 'limit', 'carryState', 'signal'];

/** A user's choice of what to read, with defaults filled in. */
export function checkReadOptions(options: ReadOptions, method: string) {
  const { batchSize = 100, limit, carryState = false, signal } = options;
  return {
    batchSize: check.integer(batchSize, `${method}: batchSize`, { min: 1 }),
    limit: limit === undefined ? undefined : check.integer(limit, `${method}: limit`, { min: 1 }),
    carryState: check.boolean(carryState, `${method}: carryState`),
    signal: check.signal(signal, `${method}: signal`),
  };
}

/**
 * A `lastBatch` with which every sequence counts, and a single one that is left over, which has no
 * statistics of its own, goes to the batch before it.
 */
export function noSingleRow(
  { count }: DataSource,
  { batchSize, limit }: ReturnType<typeof checkReadOptions>,
): LastBatch {
  if (count === undefined) return 'merge';
  const sequences = Math.min(count, limit ?? count);
  return sequences > batchSize && sequences % batchSize === 1 ? 'merge' : 'keep';
}

/**
 * Reads once, in the order of the source; a smaller last batch is kept, unless told otherwise.
 * Errors of the source and of `prepare` say which batch it was.
 */
export function read<T>(
  data: DataSource,
  options: ReturnType<typeof checkReadOptions> & { readonly lastBatch?: LastBatch },
  prepare: (batch: Batch, index: number) => T,
): AsyncGenerator<T, void, undefined> {
  const { batchSize, limit, lastBatch = 'keep', signal } = options;
  return numberedBatches(data.batches({ batchSize, limit, lastBatch }), prepare, { signal });
}
