import { BnLstmError } from '../errors.js';
import type { Batch } from './source.js';

/** Which batch an error is about. */
interface Place {
  /** Counted from 1; undefined where data are read once. */
  readonly epoch?: number | undefined;
  /** Counted from 1. */
  readonly batch: number;
}

function atBatch({ epoch, batch }: Place, cause: unknown): unknown {
  const place = `batch ${batch}${epoch === undefined ? '' : ` of epoch ${epoch}`}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof BnLstmError ? cause.code : 'ERR_BNLSTM_DATA';
  return new BnLstmError(code, `${place}: ${reason.replace(/^batch: /, '')}`, { cause });
}

/**
 * The reason of an abort is the user's own, and not a fault of a batch. What Node.js throws in its
 * place, with any reason, is an AbortError; one of a signal that is not ours passes as it is.
 */
function abortOf(error: unknown, signal: AbortSignal | undefined): { reason: unknown } | undefined {
  const own = error instanceof Error && error.name === 'AbortError';
  if (signal?.aborted && (own || error === signal.reason)) return signal;
  return own ? { reason: error } : undefined;
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

export interface NumberedOptions {
  readonly epoch?: number | undefined;
  /** Batches that the source was told to leave out. Default 0. */
  readonly skipped?: number | undefined;
  /** That may end the reading. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The batches of a source one by one, each made ready by `prepare`. What the source or `prepare`
 * throws says which batch it was, as with `numbered`; but the reason of the signal stays as it is.
 * @param prepare takes a batch and its index, counted from 0, those skipped included
 */
export async function* numberedBatches<T>(
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  prepare: (batch: Batch, index: number) => T,
  { epoch, skipped = 0, signal }: NumberedOptions = {},
): AsyncGenerator<T, void, undefined> {
  let index = skipped;
  try {
    for await (const batch of batches) {
      yield prepare(batch, index);
      index++;
    }
  } catch (error) {
    const abort = abortOf(error, signal);
    throw abort ? abort.reason : atBatch({ epoch, batch: index + 1 }, error);
  }
}
