import { argumentError } from '../check.js';
import type { DType } from '../native.js';
import { formatType, type Shape, sameShape, type Value } from '../program/value.js';

/** Throws ERR_BNLSTM_ARGUMENT naming op and operand if a value has another type. */
export function checkOperand(
  op: string,
  operand: string,
  value: Value,
  dtype: DType,
  shape: Shape,
): void {
  if (value.dtype !== dtype || !sameShape(value.shape, shape)) {
    throw operandError(op, operand, formatType(dtype, shape), value);
  }
}

/** Throws the same unless a value is an activation, f32 or bf16; `shape` in words. */
export function checkReal(op: string, operand: string, value: Value, shape: string): void {
  if (value.dtype !== 'f32' && value.dtype !== 'bf16') {
    throw operandError(op, operand, `f32 or bf16 ${shape}`, value);
  }
}

/** The error of an operand whose type has no place in the op, `expected` in words. */
export function operandError(op: string, operand: string, expected: string, value: Value) {
  return argumentError(`${op}: ${operand}`, expected, formatType(value.dtype, value.shape));
}
