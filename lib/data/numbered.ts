import { BnLstmError } from '../errors.js';
import type { Batch } from './source.js';

/** Which batch an error is about. */
interface Place {
  /** Counted from 1; undefined where data are read once. */
  readonly epoch?: number | undefined;
  /** Counted from 1. */
  readonly batch: number;
}

/** The reason of an abort is the user's own, and not a fault of a batch. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function atBatch({ epoch, batch }: Place, cause: unknown): unknown {
  if (isAbort(cause)) return cause;
  const place = `batch ${batch}${epoch === undefined ? '' : ` of epoch ${epoch}`}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof BnLstmError ? cause.code : 'ERR_BNLSTM_DATA';
  return new BnLstmError(code, `${place}: ${reason.replace(/^batch: /, '')}`, { cause });
}

/**
 * Runs work on a batch, whose errors then say which one it was: with the code that they had, or
 * ERR_BNLSTM_DATA for an error that is none of ours; the error itself is the `cause`.
 */
export function numbered<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw atBatch(place, error);
  }
}

/**
 * The batches of a source one by one, each made ready by `prepare`. What the source or `prepare`
 * throws says which batch it was, as with `numbered`.
 * @param prepare takes a batch and its index, counted from 0, those skipped included
 * @param skipped batches that the source was told to leave out
 */
export async function* numberedBatches<T>(
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  prepare: (batch: Batch, index: number) => T,
  { epoch, skipped = 0 }: { readonly epoch?: number | undefined; readonly skipped?: number } = {},
): AsyncGenerator<T, void, undefined> {
  let index = skipped;
  try {
    for await (const batch of batches) {
      yield prepare(batch, index);
      index++;
    }
  } catch (error) {
    throw atBatch({ epoch, batch: index + 1 }, error);
  }
}
