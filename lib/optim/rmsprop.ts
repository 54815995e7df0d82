import * as check from '../check.js';
import { rmsprop as rmspropOp } from '../ops/rmsprop.js';
import { checkLearningRate, type LearningRate, Optimizer } from './optimizer.js';

export interface RmspropOptions {
  readonly learningRate: LearningRate;
  /** Of the mean of squared gradients. Default 0.9. */
  readonly decay?: number | undefined;
  /** Gradients are multiplied by at most this. Default 1e5. */
  readonly maxScaling?: number | undefined;
}

/**
 * RMSProp as the authors ran it (docs/paper.md §3): ms = decay·ms + (1 − decay)·g²;
 * w −= learningRate · g / max(√ms, 1 / maxScaling). The paper's "0.9 momentum" is `decay`; their
 * code for MNIST has 0.5.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function rmsprop(options: RmspropOptions): Optimizer {
  options = check.options(options, 'rmsprop', ['learningRate', 'decay', 'maxScaling']);
  const learningRate = checkLearningRate(options.learningRate, 'rmsprop: learningRate');
  const decay = check.number(options.decay ?? 0.9, 'rmsprop: decay', { min: 0, below: 1 });
  const maxScaling = check.number(options.maxScaling ?? 1e5, 'rmsprop: maxScaling', { above: 0 });
  return new Optimizer({
    kind: 'rmsprop',
    learningRate,
    slots: 1,
    options: { decay, maxScaling },
    record: (graph, step, [meanSquare]) =>
      rmspropOp(graph, { ...step, meanSquare, decay, maxScaling }),
  });
}
