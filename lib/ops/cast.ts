import type { FloatType } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkReal } from './operand.js';

/** x in another floating-point type, rounded to nearest even; the same value if it has it. */
export function cast(graph: Graph, x: Value, dtype: FloatType): Value {
  checkReal('cast', 'x', x, '[...]');
  if (x.dtype === dtype) return x;
  const y = graph.value(dtype, x.shape, 'cast');
  graph.record({
    name: 'cast',
    inputs: { x },
    outputs: { y },
    gradient: (gradients) =>
      graph.record({
        name: 'cast',
        inputs: { x: gradients.of(y) },
        outputs: { y: gradients.into(x) },
      }),
  });
  return y;
}
