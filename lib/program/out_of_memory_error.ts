import { BnLstmError } from '../errors.js';

/** A batch for which the device has not enough memory. Nothing was changed. */
export class OutOfMemoryError extends BnLstmError {
  constructor(
    message: string,
    /** Bytes that the batch needs, beside parameters and the like. */
    readonly needed: number,
    /** Bytes that were free for it; undefined where the system does not tell. */
    readonly free: number | undefined,
    /** Rows of the largest batch that fits, by what is free; undefined where that is not known. */
    readonly largestBatch: number | undefined,
    options?: { readonly cause?: unknown },
  ) {
    super('ERR_BNLSTM_OUT_OF_MEMORY', message, options);
  }
}
