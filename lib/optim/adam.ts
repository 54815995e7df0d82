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
  options = check.options(options, 'adam', ['learningRate', 'beta1', 'beta2', 'eps']);
  const learningRate = checkLearningRate(options.learningRate, 'adam: learningRate');
  const beta1 = check.number(options.beta1 ?? 0.9, 'adam: beta1', { min: 0, below: 1 });
  const beta2 = check.number(options.beta2 ?? 0.999, 'adam: beta2', { min: 0, below: 1 });
  const eps = check.number(options.eps ?? 1e-8, 'adam: eps', { above: 0 });
  return new Optimizer('adam', learningRate, 2, (graph, step, [m, v]) =>
    adamOp(graph, { ...step, m, v, beta1, beta2, eps }),
  );
}
