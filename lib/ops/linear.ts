import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, operandError } from './operand.js';

/** y = x w + b over the last axis: x [...][I], w [I][O], b [O] optional, y [...][O]. */
export function linear(graph: Graph, x: Value, w: Value, b?: Value): Value {
  const inputs = x.shape.at(-1);
  if (x.dtype !== 'f32' || inputs === undefined) {
    throw operandError('linear', 'x', 'f32 [...][I]', x);
  }
  const outputs = w.shape[1];
  if (outputs === undefined) throw operandError('linear', 'w', `f32 [${inputs}][O]`, w);
  checkOperand('linear', 'w', w, 'f32', [inputs, outputs]);
  if (b) checkOperand('linear', 'b', b, 'f32', [outputs]);
  const y = graph.value('f32', [...x.shape.slice(0, -1), outputs], 'linear');
  graph.record({
    name: 'linear',
    inputs: { x, w, b },
    outputs: { y },
    gradient: (gradients) =>
      graph.record({
        name: 'linearBackward',
        inputs: { x, w, dy: gradients.of(y) },
        outputs: {
          dx: gradients.needs(x) ? gradients.into(x) : undefined,
          dw: gradients.into(w),
          db: b && gradients.into(b),
        },
      }),
  });
  return y;
}
