import { BnLstmError } from '../errors.js';
import { type NotFinitePlace, ofTheBatch } from './diagnosis.js';

/** What a NotFiniteError tells. */
export interface NotFiniteFacts {
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly history: readonly number[];
  readonly place?: NotFinitePlace | undefined;
  /** Steps in a row that were skipped before this one. */
  readonly skipped?: number | undefined;
}

/** ERR_BNLSTM_NOT_FINITE of a training step: nothing was changed by it. */
export class NotFiniteError extends BnLstmError {
  /** The step that failed, counted from 1. */
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  /** Gradient norms of the steps before it, the latest last. */
  readonly history: readonly number[];
  /** Index of the layer where numbers were first not finite; undefined for the batch or the loss. */
  readonly layer: number | undefined;
  /** What was first not finite, in words, as 'output of layer 0 (bnLstm)'; undefined: not found. */
  readonly tensor: string | undefined;

  constructor({ step, loss, gradientNorm, history, place, skipped = 0 }: NotFiniteFacts) {
    const norms = history.map((norm) => norm.toPrecision(3)).join(', ') || 'none';
    const where = place ? `; first not finite: ${place.tensor}` : '';
    const before = skipped > 0 ? `, after ${skipped} such steps that were skipped` : '';
    super(
      'ERR_BNLSTM_NOT_FINITE',
      `training step ${step}: loss ${loss}, gradient norm ${gradientNorm}${before}${where}; ` +
        `parameters are as before it. Gradient norms of the last steps: ${norms}. ${advice(place)}`,
    );
    this.step = step;
    this.loss = loss;
    this.gradientNorm = gradientNorm;
    this.history = history;
    this.layer = place?.layer;
    this.tensor = place?.tensor;
  }
}

function advice(place: NotFinitePlace | undefined): string {
  if (place?.tensor.endsWith(ofTheBatch))
    return 'The data are at fault: mend them, or skip them by onNaN';
  return 'Growing norms ask for clipNorm or a lower learning rate; sequences that begin alike, for initialNoise';
}
