import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, checkReal, operandError } from './operand.js';

/**
 * y [B][D] = x [T][B][D] at each row's last step: T-1, or lengths [B] i32 (1 to T) minus 1. Both f32
 * or both bf16.
 */
export function lastStep(graph: Graph, x: Value, lengths?: Value): Value {
  const [, batch, width] = x.shape;
  checkReal('lastStep', 'x', x, '[T][B][D]');
  if (x.shape.length !== 3 || batch === undefined || width === undefined) {
    throw operandError('lastStep', 'x', 'f32 or bf16 [T][B][D]', x);
  }
  if (lengths) checkOperand('lastStep', 'lengths', lengths, 'i32', [batch]);
  const y = graph.value(x.dtype, [batch, width], 'lastStep');
  graph.record({
    name: 'lastStep',
    inputs: { x, lengths },
    outputs: { y },
    gradient: (gradients) =>
      graph.record({
        name: 'lastStepBackward',
        inputs: { dy: gradients.of(y), lengths },
        outputs: { dx: gradients.into(x) },
      }),
  });
  return y;
}
