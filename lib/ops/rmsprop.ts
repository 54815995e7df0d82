import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';
import { type OptimizerStep, optimizerOperands } from './optimizer_step.js';

export interface RmspropStep extends OptimizerStep {
  /** Flat, [P], external, zero at first: updated in place. */
  readonly meanSquare: Value;
  readonly decay: number;
  readonly maxScaling: number;
}

/** ms = decay ms + (1 - decay) g^2; w -= rate g / max(sqrt(ms), 1 / maxScaling), in place. */
export function rmsprop(graph: Graph, step: RmspropStep): void {
  const { parameters, meanSquare, decay, maxScaling } = step;
  checkOperand('rmsprop', 'meanSquare', meanSquare, 'f32', parameters.shape);
  const { inputs, segments } = optimizerOperands('rmsprop', step);
  graph.record({
    name: 'rmsprop',
    inputs,
    outputs: { parameters, meanSquare },
    options: { segments, decay, maxScaling },
  });
}
