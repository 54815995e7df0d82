import * as check from '../check.js';
import type { Batch, DataSource } from '../data/source.js';

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

/** Reads once, in the order of the source; a smaller last batch is kept, unless told otherwise. */
export async function* read<T>(
  data: DataSource,
  options: ReturnType<typeof checkReadOptions> & { readonly lastBatch?: 'drop' | 'keep' },
  prepare: (batch: Batch, index: number) => T,
): AsyncGenerator<T, void, undefined> {
  const { batchSize, limit, lastBatch = 'keep' } = options;
  let index = 0;
  for await (const batch of data.batches({ batchSize, limit, lastBatch })) {
    yield prepare(batch, index++);
  }
}
