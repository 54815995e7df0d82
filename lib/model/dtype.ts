import * as check from '../check.js';
import type { FloatType } from '../native.js';

/** A user's choice of what activations are. */
export function checkDtype(dtype: unknown, name: string): FloatType {
  return dtype === undefined ? 'f32' : check.oneOf(dtype, name, ['f32', 'bf16']);
}
