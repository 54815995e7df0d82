import { argumentError } from '../check.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, checkReal } from './operand.js';
import { type Seed, seedOptions } from './seed.js';

export interface DropoutOptions {
  /** Share of the elements that become 0; in [0, 1). */
  readonly rate: number;
  readonly seed: Seed;
  /** [1] i32: the attempted training step, which chooses the mask. */
  readonly attempt: Value;
}

/** Inverted dropout: y = x / (1 - rate) in the elements that stay. x f32 or bf16. */
export function dropout(graph: Graph, x: Value, { rate, seed, attempt }: DropoutOptions): Value {
  if (!(rate >= 0 && rate < 1)) {
    throw argumentError('dropout: rate', 'a number in [0, 1)', `${rate}`);
  }
  checkReal('dropout', 'x', x, '[...]');
  checkOperand('dropout', 'attempt', attempt, 'i32', [1]);
  const options = { rate, ...seedOptions(seed), stream: graph.nextStream() };
  const y = graph.value(x.dtype, x.shape, 'dropout');
  graph.record({
    name: 'dropout',
    inputs: { x, attempt },
    outputs: { y },
    options,
    // With the same mask it is its own gradient.
    gradient: (gradients) =>
      graph.record({
        name: 'dropout',
        inputs: { x: gradients.of(y), attempt },
        outputs: { y: gradients.into(x) },
        options,
      }),
  });
  return y;
}
