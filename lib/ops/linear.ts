import type { FloatType } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, checkReal, operandError } from './operand.js';

/**
 * y = x w + b over the last axis: x [...][I] f32 or bf16, w [I][O] and b [O] (optional) f32,
 * y [...][O] of `dtype` (native/ops/linear.h has the points of rounding).
 */
export function linear(
  graph: Graph,
  x: Value,
  w: Value,
  b?: Value,
  dtype = x.dtype as FloatType,
): Value {
  const inputs = x.shape.at(-1);
  checkReal('linear', 'x', x, '[...][I]');
  if (inputs === undefined) throw operandError('linear', 'x', 'f32 or bf16 [...][I]', x);
  const outputs = w.shape[1];
  if (outputs === undefined) throw operandError('linear', 'w', `f32 [${inputs}][O]`, w);
  checkOperand('linear', 'w', w, 'f32', [inputs, outputs]);
  if (b) checkOperand('linear', 'b', b, 'f32', [outputs]);
  const y = graph.value(dtype, [...x.shape.slice(0, -1), outputs], 'linear');
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
