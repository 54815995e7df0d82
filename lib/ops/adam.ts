import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';
import { type OptimizerStep, optimizerOperands } from './optimizer_step.js';

export interface AdamStep extends OptimizerStep {
  /** First and second moments: flat, [P], external, zero at first: updated in place. */
  readonly m: Value;
  readonly v: Value;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Whether eps is added to sqrt(v) after bias correction, as PyTorch does. Default false. */
  readonly epsAfterCorrection?: boolean;
}

/** One step of Adam in place, bias-corrected for the steps that `state` has counted. */
export function adam(graph: Graph, step: AdamStep): void {
  const { parameters, m, v, beta1, beta2, eps, epsAfterCorrection = false } = step;
  checkOperand('adam', 'm', m, 'f32', parameters.shape);
  checkOperand('adam', 'v', v, 'f32', parameters.shape);
  const { inputs, segments } = optimizerOperands('adam', step);
  graph.record({
    name: 'adam',
    inputs,
    outputs: { parameters, m, v },
    options: { segments, beta1, beta2, eps, epsAfterCorrection },
  });
}
