import * as check from '../check.js';
import { copied } from './copied.js';
import type { Batch, DataSource } from './source.js';

export interface PrefetchOptions {
  /** How many are read ahead, at most. Default 2. */
  readonly batches?: number | undefined;
}

type Batches = Iterable<Batch> | AsyncIterable<Batch>;
type Result = IteratorResult<Batch, unknown>;

/** Asks for batches one after another, and keeps up to `ahead` that nobody has asked for yet. */
async function* readAhead(batches: Batches, ahead: number): AsyncGenerator<Batch, void, undefined> {
  const iterator =
    Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  const asked: Promise<Result>[] = [];
  let last: Promise<Result> | undefined;
  let ended = false;
  const read = async (before: Promise<Result> | undefined): Promise<Result> => {
    // An iterator need not bear two calls at a time; what ended or failed is not asked again.
    if (before && (await before).done) return { done: true, value: undefined };
    const { done, value } = ended ? { done: true, value: undefined } : await iterator.next();
    if (done) ended = true;
    return done ? { done, value } : { done: false, value: copied(value as Batch) };
  };
  const ask = () => {
    last = read(last);
    last.catch(() => {}); // met in its turn, or by nobody once the reader has left
    asked.push(last);
  };
  let failed = false;
  try {
    for (;;) {
      while (asked.length <= ahead && !ended) ask();
      const next = asked.shift();
      if (!next) return;
      const { done, value } = await next.catch((error) => {
        failed = true;
        throw error;
      });
      if (done) return;
      yield value;
    }
  } finally {
    const left = !ended && !failed;
    ended = true;
    if (left) await iterator.return?.();
  }
}

class Prefetch implements DataSource {
  readonly count: number | undefined;
  readonly seekable: boolean;
  readonly resume?: NonNullable<DataSource['resume']>;
  readonly #source: DataSource;
  readonly #ahead: number;

  constructor(source: DataSource, options: PrefetchOptions | undefined) {
    if (typeof source?.batches !== 'function') {
      throw check.argumentError('prefetch: source', 'a data source', check.show(source));
    }
    const { batches = 2 } = check.options(options ?? {}, 'prefetch', ['batches']);
    this.#ahead = check.integer(batches, 'prefetch: batches', { min: 1 });
    this.#source = source;
    this.count = source.count;
    this.seekable = source.seekable ?? false;
    if (source.resume) {
      this.resume = (cursor, options) =>
        readAhead(source.resume?.(cursor, options) as Batches, this.#ahead);
    }
  }

  batches(options: Parameters<DataSource['batches']>[0]): AsyncGenerator<Batch, void, undefined> {
    return readAhead(this.#source.batches(options), this.#ahead);
  }
}

/**
 * The same data, read ahead: while a step runs, up to `batches` more are asked of a source that has
 * to wait for them (files, a network, a data base). The order stays; an error arrives after the
 * batches before it; leaving early closes the source. Batches are copied, so that a source may use
 * its arrays again.
 *
 * The loop itself fetches one batch ahead, so this helps where the time of a batch varies. It is of
 * no use over data in memory, such as `arrayData`: JavaScript makes those batches itself.
 *
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function prefetch(source: DataSource, options?: PrefetchOptions): DataSource {
  return new Prefetch(source, options);
}
