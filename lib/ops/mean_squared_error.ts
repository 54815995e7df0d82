import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { type CountedRows, checkCountedRows } from './counted_rows.js';
import { checkOperand, checkReal, operandError } from './operand.js';

export interface MeanSquaredErrorResult {
  /** [1]: mean over the elements of the rows that count; 0 if there are none. */
  readonly loss: Value;
  /** [1] f32: rows that count. */
  readonly counted: Value;
}

/**
 * Mean of (prediction - target)^2: prediction [B][C] or [T][B][C], f32 or bf16, target of that
 * shape, f32. No gradient flows to the target.
 */
export function meanSquaredError(
  graph: Graph,
  prediction: Value,
  target: Value,
  { mask, lengths }: CountedRows = {},
): MeanSquaredErrorResult {
  const op = 'meanSquaredError';
  const rows = prediction.shape.slice(0, -1);
  checkReal(op, 'prediction', prediction, '[B][C] or [T][B][C]');
  if (rows.length < 1 || rows.length > 2) {
    throw operandError(op, 'prediction', 'f32 or bf16 [B][C] or [T][B][C]', prediction);
  }
  checkOperand(op, 'target', target, 'f32', prediction.shape);
  checkCountedRows(op, rows, { mask, lengths });
  const loss = graph.value('f32', [1], 'loss');
  const counted = graph.value('f32', [1], 'counted');
  const inputs = { prediction, target, mask, lengths };
  graph.record({
    name: op,
    inputs,
    outputs: { loss, counted },
    constants: ['counted'],
    gradient: (gradients) =>
      graph.record({
        name: 'meanSquaredErrorBackward',
        inputs: { ...inputs, counted, dloss: gradients.of(loss) },
        outputs: { dprediction: gradients.into(prediction) },
      }),
  });
  return { loss, counted };
}
