import { argumentError } from '../check.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, checkReal, operandError } from './operand.js';

/** Joins parts [...][W_k], all f32 or all bf16, along the last axis. */
export function concat(graph: Graph, parts: readonly Value[]): Value {
  const [first] = parts;
  if (first === undefined) throw argumentError('concat: parts', 'at least one', 'none');
  checkReal('concat', 'x0', first, '[...][W]');
  const leading = first.shape.slice(0, -1);
  const widths = parts.map((part, index) => {
    const width = part.shape.at(-1);
    if (width === undefined)
      throw operandError('concat', `x${index}`, 'f32 or bf16 [...][W]', part);
    checkOperand('concat', `x${index}`, part, first.dtype, [...leading, width]);
    return width;
  });
  const total = widths.reduce((sum, width) => sum + width, 0);
  const y = graph.value(first.dtype, [...leading, total], 'concat');
  graph.record({
    name: 'concat',
    inputs: numbered('x', parts),
    outputs: { y },
    gradient: (gradients) =>
      graph.record({
        name: 'concatBackward',
        inputs: { dy: gradients.of(y) },
        outputs: numbered(
          'dx',
          parts.map((part) => (gradients.needs(part) ? gradients.into(part) : undefined)),
        ),
        options: { widths },
      }),
  });
  return y;
}

function numbered(prefix: string, values: readonly (Value | undefined)[]) {
  return Object.fromEntries(values.map((value, index) => [`${prefix}${index}`, value]));
}
