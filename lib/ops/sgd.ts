import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';
import { type OptimizerStep, optimizerOperands } from './optimizer_step.js';

export interface SgdStep extends OptimizerStep {
  /** Flat, [P], external, zero at first: updated in place. Only and always with momentum. */
  readonly velocity?: Value | undefined;
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** v = momentum v + g; w -= rate v, or rate (g + momentum v) with `nesterov`, in place. */
export function sgd(graph: Graph, step: SgdStep): void {
  const { parameters, velocity, momentum, nesterov } = step;
  if (velocity) checkOperand('sgd', 'velocity', velocity, 'f32', parameters.shape);
  const { inputs, segments } = optimizerOperands('sgd', step);
  graph.record({
    name: 'sgd',
    inputs,
    outputs: { parameters, velocity },
    options: { segments, momentum, nesterov },
  });
}
