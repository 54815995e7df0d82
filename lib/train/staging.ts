import * as check from '../check.js';
import { numberedBatches } from '../data/numbered.js';
import type { Batch, DataCursor, DataSource, LastBatch } from '../data/source.js';
import { BnLstmError } from '../errors.js';

/** What comes next in a run: a step, or the news that an epoch has ended. */
export type Staged<T> =
  | {
      readonly kind: 'step';
      readonly work: T;
      /** Steps of the run before it. */
      readonly before: number;
      /** Where the run is when it has been done. */
      readonly cursor: DataCursor;
    }
  | { readonly kind: 'epoch'; readonly cursor: DataCursor };

export interface StagingOptions {
  /** Of the user, for messages. */
  readonly method: string;
  readonly batchSize: number;
  readonly lastBatch: LastBatch;
  /** Of the order of each epoch; undefined: the order of the source. */
  readonly shuffleSeed: number | undefined;
  /** Epochs and steps to go; Infinity where the other one counts. */
  readonly epochs: number;
  readonly iterations: number;
  /** Batches per step; what is left at the end of an epoch makes a smaller step. */
  readonly accumulate: number;
  /** Where to begin. */
  readonly from: DataCursor;
}

/**
 * The batches of a run, epoch by epoch, prepared for the steps that take them.
 * @throws ERR_BNLSTM_NOT_RESUMABLE where it is to begin within an epoch and the source cannot;
 * ERR_BNLSTM_ARGUMENT where an epoch has no batch; what the source throws
 */
export async function* stage<T>(
  data: DataSource,
  options: StagingOptions,
  prepare: (batch: Batch) => T,
): AsyncGenerator<Staged<T[]>, void, undefined> {
  const { epochs, iterations, accumulate, from } = options;
  let before = 0;
  for (let pass = 0; pass < epochs; pass++) {
    const epoch = from.epoch + pass;
    const skip = pass === 0 ? from.batches : 0;
    let batches = skip;
    let window: T[] = [];
    const step = () => {
      const staged = { kind: 'step', work: window, before, cursor: { epoch, batches } } as const;
      window = [];
      before++;
      return staged;
    };
    const opened = open(data, options, { epoch, batches: skip });
    for await (const prepared of numberedBatches(opened, prepare, { epoch, skipped: skip })) {
      window.push(prepared);
      batches++;
      if (window.length < accumulate) continue;
      yield step();
      if (before === iterations) return;
    }
    if (window.length > 0) {
      yield step();
      if (before === iterations) return;
    }
    if (batches === 0) {
      const size = data.count === undefined ? 'a source' : `${data.count} sequences`;
      const expected = `at least one batch of ${options.batchSize}`;
      throw check.argumentError(`${options.method}: data`, expected, `${size} that gave none`);
    }
    yield { kind: 'epoch', cursor: { epoch: epoch + 1, batches: 0 } };
  }
}

/** The batches of an epoch from a place on. */
function open(
  data: DataSource,
  { batchSize, lastBatch, shuffleSeed }: StagingOptions,
  cursor: DataCursor,
): Iterable<Batch> | AsyncIterable<Batch> {
  const { epoch, batches } = cursor;
  const shuffle = shuffleSeed === undefined ? undefined : { seed: shuffleSeed, epoch };
  const options = { batchSize, lastBatch, shuffle };
  if (batches === 0) return data.batches(options);
  if (data.seekable) return data.batches({ ...options, skip: batches });
  if (data.resume) return data.resume(cursor, options);
  throw new BnLstmError(
    'ERR_BNLSTM_NOT_RESUMABLE',
    `data: expected a source that is seekable or has resume(cursor, options), to go on after ` +
      `batch ${batches} of epoch ${epoch}, got one that can only begin at the first batch`,
  );
}
