import { BnLstmError } from '../errors.js';

/** ERR_BNLSTM_NOT_FINITE of a training step: nothing was changed by it. */
export class NotFiniteError extends BnLstmError {
  constructor(
    /** The step that failed, counted from 1. */
    readonly step: number,
    readonly loss: number,
    readonly gradientNorm: number,
    /** Gradient norms of the steps before it, the latest last. */
    readonly history: readonly number[],
  ) {
    const norms = history.map((norm) => norm.toPrecision(3)).join(', ') || 'none';
    super(
      'ERR_BNLSTM_NOT_FINITE',
      `training step ${step}: loss ${loss}, gradient norm ${gradientNorm}; parameters are as ` +
        `before it. Gradient norms of the last steps: ${norms}. Growing norms ask for clipNorm or ` +
        'a lower learning rate; sequences that begin alike, for initialNoise',
    );
  }
}
