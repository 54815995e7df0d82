import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, operandError } from './operand.js';
import { type Seed, seedOptions } from './seed.js';

/** B rows, W numbers of each. */
export interface CarryStateOptions {
  /** [W]: where sequences start. */
  readonly learned: Value;
  /** [B][W]: where the chunk before has left each row. */
  readonly carried: Value;
  /** [B] i32: not 0 in the rows that start anew. */
  readonly reset: Value;
  /** Standard deviation of what is added to rows that start. Default: none. */
  readonly noise?: {
    readonly deviation: number;
    readonly seed: Seed;
    /** [1] i32: the attempted training step, which chooses the numbers. */
    readonly attempt: Value;
  };
}

const op = 'carryState';

/**
 * [B][W], the state with which a chunk of longer sequences begins: learned in rows that start,
 * carried in those that go on. Gradients reach `learned` from the rows that start and end at the
 * others: that is what truncates back-propagation.
 */
export function carryState(graph: Graph, options: CarryStateOptions): Value {
  const { learned, carried, reset, noise } = options;
  const [batch, width] = carried.shape;
  if (carried.shape.length !== 2 || batch === undefined || width === undefined) {
    throw operandError(op, 'carried', 'f32 [B][W]', carried);
  }
  checkOperand(op, 'carried', carried, 'f32', [batch, width]);
  checkOperand(op, 'learned', learned, 'f32', [width]);
  checkOperand(op, 'reset', reset, 'i32', [batch]);
  if (noise) checkOperand(op, 'attempt', noise.attempt, 'i32', [1]);
  const y = graph.value('f32', [batch, width], 'carryState');
  graph.record({
    name: op,
    inputs: { learned, carried, reset, attempt: noise?.attempt },
    outputs: { y },
    options: noise
      ? { noise: noise.deviation, ...seedOptions(noise.seed), stream: graph.nextStream() }
      : {},
    gradient: (gradients) =>
      graph.record({
        name: 'carryStateBackward',
        inputs: { dy: gradients.of(y), reset },
        outputs: { dlearned: gradients.into(learned) },
      }),
  });
  return y;
}
