import { BnLstmError } from '../errors.js';
import type { RecomputeMode } from '../recompute.js';

interface Shortage {
  readonly needed: number;
  readonly free: number | undefined;
  readonly largestBatch: number | undefined;
  readonly mode: RecomputeMode | undefined;
}

/** A batch for which the device has not enough memory. Nothing was changed. */
export class OutOfMemoryError extends BnLstmError {
  /** Bytes that the batch needs, beside parameters and the like. */
  readonly needed: number;
  /** Bytes that were free for it; undefined where the system does not tell. */
  readonly free: number | undefined;
  /** Rows of the largest batch that fits, by what is free; undefined where that is not known. */
  readonly largestBatch: number | undefined;
  /** The trainer's `recompute` with which the whole batch fits, if there is one; likewise. */
  readonly mode: RecomputeMode | undefined;

  constructor(message: string, shortage: Shortage, options?: { readonly cause?: unknown }) {
    super('ERR_BNLSTM_OUT_OF_MEMORY', message, options);
    this.needed = shortage.needed;
    this.free = shortage.free;
    this.largestBatch = shortage.largestBatch;
    this.mode = shortage.mode;
  }
}
