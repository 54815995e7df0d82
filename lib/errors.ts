// Every error that the package throws on purpose has one of these codes; they are stable.
export const errorCodes = {
  ERR_BNLSTM_ARGUMENT: 'An argument has the wrong type, value or shape, or an option is unknown.',
  ERR_BNLSTM_DATA: 'Data are missing, damaged or not what was expected.',
  ERR_BNLSTM_DEVICE: 'The device does not exist or cannot be used here; the message says why.',
  ERR_BNLSTM_DEVICE_LOST:
    'A GPU failed and can do nothing more in this process; models on other devices go on.',
  ERR_BNLSTM_ADDON: 'The native addon could not be loaded.',
  ERR_BNLSTM_BUSY: 'The model, or the folder of a run, is in use by another loop or process.',
  ERR_BNLSTM_BATCH_OF_ONE: 'Batch statistics of a single row mean nothing; use at least two rows.',
  ERR_BNLSTM_CARRIED_STATE: 'The state carried from the chunk before does not fit this batch.',
  ERR_BNLSTM_STATISTICS_MISSING: 'Population statistics were never estimated.',
  ERR_BNLSTM_STATISTICS_STALE:
    'The weights have changed since population statistics were estimated.',
  ERR_BNLSTM_NOT_FINITE: 'The loss or the gradient norm became NaN or infinite.',
  ERR_BNLSTM_IO: 'A file could not be read or written; the message names it and the reason.',
  ERR_BNLSTM_FORMAT: 'A model file is damaged or not of this format.',
  ERR_BNLSTM_CHECKSUM: 'The bytes of a file are not those that were written.',
  ERR_BNLSTM_CHECKPOINT: 'A checkpoint belongs to another model, trainer or device.',
  ERR_BNLSTM_NOT_RESUMABLE: 'The data source cannot go on in the middle of an epoch.',
  ERR_BNLSTM_OUT_OF_MEMORY: 'The device has not enough memory; nothing was changed.',
  ERR_BNLSTM_UNSUPPORTED: 'This device lacks an operation, or the plan that was asked for.',
  ERR_BNLSTM_DISPOSED: 'The object was disposed, or was disposed while the call ran.',
  ERR_BNLSTM_POISONED: 'An earlier fault left the model in an unknown state; load it again.',
  ERR_BNLSTM_INTERNAL: 'A fault of the package itself; please report it.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** The one class of errors; `code` tells them apart. */
export class BnLstmError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'BnLstmError';
    this.code = code;
  }

  /** Native code throws plain Errors with one of the codes: for `instanceof` they are of this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore-start lint/complexity/noThisInStatic: the class asked about may be a subclass
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const code = value instanceof Error ? (value as { code?: unknown }).code : undefined;
    return this === BnLstmError && typeof code === 'string' && Object.hasOwn(errorCodes, code);
    // biome-ignore-end lint/complexity/noThisInStatic: until here
  }
}

/** A fault of the package itself, not of its user. */
export function internalError(message: string): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_INTERNAL', `internal error: ${message}`);
}
