import * as check from '../check.js';
import { sgd as sgdOp } from '../ops/sgd.js';
import { checkLearningRate, type LearningRate, Optimizer } from './optimizer.js';

export interface SgdOptions {
  readonly learningRate: LearningRate;
  /** Share of the velocity that stays from step to step, in [0, 1). Default 0: no velocity. */
  readonly momentum?: number | undefined;
  /** Whether the gradient is looked at where the velocity leads to. Default false. */
  readonly nesterov?: boolean | undefined;
}

/**
 * Stochastic gradient descent with PyTorch's momentum: v = momentum·v + g, w −= learningRate · v;
 * with `nesterov` w −= learningRate · (g + momentum·v). So the velocity has no learning rate in it,
 * and a change of rate acts at once.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function sgd(options: SgdOptions): Optimizer {
  options = check.options(options, 'sgd', ['learningRate', 'momentum', 'nesterov']);
  const learningRate = checkLearningRate(options.learningRate, 'sgd: learningRate');
  const momentum = check.number(options.momentum ?? 0, 'sgd: momentum', { min: 0, below: 1 });
  const nesterov = check.boolean(options.nesterov ?? false, 'sgd: nesterov');
  if (nesterov && momentum === 0) {
    throw check.argumentError('sgd: momentum', 'a number above 0 with nesterov', '0');
  }
  return new Optimizer({
    kind: 'sgd',
    learningRate,
    slots: momentum === 0 ? 0 : 1,
    options: { momentum, nesterov },
    record: (graph, step, [velocity]) => sgdOp(graph, { ...step, velocity, momentum, nesterov }),
  });
}
