import { type Shape, sameShape, type Value } from '../program/value.js';
import { checkOperand, operandError } from './operand.js';

/** Which rows of a loss count; both conditions apply. Absent: every row. */
export interface CountedRows {
  /** f32, shaped as the rows, [B] or [T][B]: rows with 0 do not count. */
  readonly mask?: Value | undefined;
  /** [B] i32: steps from here on do not count. */
  readonly lengths?: Value | undefined;
}

/** Checks them against the shape of the rows, [B] or [T][B]. */
export function checkCountedRows(op: string, rows: Shape, { mask, lengths }: CountedRows): void {
  if (mask && (mask.dtype !== 'f32' || !sameShape(mask.shape, rows))) {
    throw operandError(op, 'mask', `f32 ${rows.map((extent) => `[${extent}]`).join('')}`, mask);
  }
  if (lengths) checkOperand(op, 'lengths', lengths, 'i32', [rows[rows.length - 1]]);
}
