import * as check from '../check.js';
import { adam as adamOp } from '../ops/adam.js';
import { checkLearningRate, type LearningRate, Optimizer } from './optimizer.js';

export interface AdamOptions {
  readonly learningRate: LearningRate;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number | undefined;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number | undefined;
  /** Added to the root of the second before bias correction. Default 1e-8. */
  readonly eps?: number | undefined;
}

/**
 * Adam as the authors ran it (docs/paper.md §3):
 * w −= learningRate · √(1 − beta2ᵗ) / (1 − beta1ᵗ) · m / (√v + eps), t counting applied steps.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function adam(options: AdamOptions): Optimizer {
  const { learningRate, ...moments } = checkAdam(check.options(options, 'adam', adamKeys), 'adam');
  return new Optimizer({
    kind: 'adam',
    learningRate,
    slots: 2,
    options: moments,
    record: (graph, step, [m, v]) => adamOp(graph, { ...step, m, v, ...moments }),
  });
}

export const adamKeys = ['learningRate', 'beta1', 'beta2', 'eps'];

/** What `adam` and `adamw` have in common, with the defaults. */
export function checkAdam(options: AdamOptions, name: string) {
  const decay = { min: 0, below: 1 };
  return {
    learningRate: checkLearningRate(options.learningRate, `${name}: learningRate`),
    beta1: check.number(options.beta1 ?? 0.9, `${name}: beta1`, decay),
    beta2: check.number(options.beta2 ?? 0.999, `${name}: beta2`, decay),
    eps: check.number(options.eps ?? 1e-8, `${name}: eps`, { above: 0 }),
  };
}
