import type { FloatType } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { operandError } from './operand.js';

/** y = table[token]: tokens [...] i32 in [0, V), table [V][E] f32, y [...][E] of `dtype`. */
export function embedding(
  graph: Graph,
  tokens: Value,
  table: Value,
  dtype: FloatType = 'f32',
): Value {
  const [, width] = table.shape;
  if (table.dtype !== 'f32' || table.shape.length !== 2 || width === undefined) {
    throw operandError('embedding', 'table', 'f32 [V][E]', table);
  }
  if (tokens.dtype !== 'i32') throw operandError('embedding', 'tokens', 'i32 [...]', tokens);
  const y = graph.value(dtype, [...tokens.shape, width], 'embedding');
  graph.record({
    name: 'embedding',
    inputs: { tokens, table },
    outputs: { y },
    gradient: (gradients) =>
      graph.record({
        name: 'embeddingBackward',
        inputs: { tokens, dy: gradients.of(y) },
        outputs: { dtable: gradients.into(table) },
      }),
  });
  return y;
}
