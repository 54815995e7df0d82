import type { Graph } from '../program/graph.js';
import type { Gradients } from '../program/recording.js';
import type { Value } from '../program/value.js';
import { checkOperand, checkReal } from './operand.js';

/** y = a + b, f32 or bf16 of one shape. */
export function add(graph: Graph, a: Value, b: Value): Value {
  checkReal('add', 'a', a, '[...]');
  checkOperand('add', 'b', b, a.dtype, a.shape);
  const y = graph.value(a.dtype, a.shape, 'add');
  // Each summand gets a copy of its own, which is what joining a single part gives.
  const copyTo = (gradients: Gradients, x: Value) => {
    if (!gradients.needs(x)) return;
    const outputs = { y: gradients.into(x) };
    graph.record({ name: 'concat', inputs: { x0: gradients.of(y) }, outputs });
  };
  graph.record({
    name: 'add',
    inputs: { a, b },
    outputs: { y },
    gradient: (gradients) => {
      copyTo(gradients, a);
      copyTo(gradients, b);
    },
  });
  return y;
}
