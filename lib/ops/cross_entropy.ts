import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { type CountedRows, checkCountedRows } from './counted_rows.js';
import { checkOperand, checkReal, operandError } from './operand.js';

export interface CrossEntropyResult {
  /** [1]: mean over the rows that count, in nats; 0 if there are none. */
  readonly loss: Value;
  /** [1] f32: counted rows whose largest logit is the target's. */
  readonly correct: Value;
  /** [1] f32: rows that count. */
  readonly counted: Value;
}

/**
 * Softmax cross-entropy: logits [B][C] or [T][B][C], f32 or bf16, targets [B] or [T][B] i32 in
 * [0, C).
 */
export function crossEntropy(
  graph: Graph,
  logits: Value,
  targets: Value,
  { mask, lengths }: CountedRows = {},
): CrossEntropyResult {
  const op = 'crossEntropy';
  const rows = logits.shape.slice(0, -1);
  checkReal(op, 'logits', logits, '[B][C] or [T][B][C]');
  if (rows.length < 1 || rows.length > 2) {
    throw operandError(op, 'logits', 'f32 or bf16 [B][C] or [T][B][C]', logits);
  }
  checkOperand(op, 'targets', targets, 'i32', rows);
  checkCountedRows(op, rows, { mask, lengths });
  const loss = graph.value('f32', [1], 'loss');
  const correct = graph.value('f32', [1], 'correct');
  const counted = graph.value('f32', [1], 'counted');
  const inputs = { logits, targets, mask, lengths };
  graph.record({
    name: op,
    inputs,
    outputs: { loss, correct, counted },
    constants: ['correct', 'counted'],
    gradient: (gradients) =>
      graph.record({
        name: 'crossEntropyBackward',
        inputs: { ...inputs, counted, dloss: gradients.of(loss) },
        outputs: { dlogits: gradients.into(logits) },
      }),
  });
  return { loss, correct, counted };
}
