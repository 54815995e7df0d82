/** B_t = x_t Wx for all steps at once, in the order in which the direction reads them. */
import type { BnLstmOptions } from './contract.js';
import { addTransposedProduct, multiply, multiplyTransposed } from './matrix.js';
import type { Rows } from './rows.js';

export interface InputProduct {
  /** [T][B][D] in the order of reading; one-hot for tokens; zero in rows that are never read. */
  bySteps: Float64Array;
  /** [T][B][4H] */ product: Float64Array;
}

export function inputProduct(
  x: Float64Array | Int32Array,
  wx: Float64Array,
  options: BnLstmOptions,
  rows: Rows,
): InputProduct {
  const { T, B, D, H } = options;
  const tokens = x instanceof Int32Array;
  const size = T * B * (tokens ? 1 : D);
  if (x.length !== size) throw new Error(`x has ${x.length} elements, expected ${size}`);

  const bySteps = new Float64Array(T * B * D);
  for (let s = 0; s < T; s++)
    for (let n = 0; n < B; n++) {
      if (!rows.input[s * B + n]) continue;
      const from = rows.position(s, n) * B + n;
      const to = (s * B + n) * D;
      if (!tokens) bySteps.set(x.subarray(from * D, (from + 1) * D), to);
      else if (x[from] >= 0 && x[from] < D) bySteps[to + x[from]] = 1;
      else throw new RangeError(`token ${x[from]} is outside the vocabulary of ${D}`);
    }
  return { bySteps, product: multiply(bySteps, wx, T * B, D, 4 * H) };
}

/** From dB by step: dWx = Σ_t x_tᵀ dB_t, and dx_t = dB_t Wxᵀ put back where x_t was read. */
export function inputProductBackward(
  dProduct: Float64Array,
  input: InputProduct,
  wx: Float64Array,
  options: BnLstmOptions,
  rows: Rows,
): { wx: Float64Array; x: Float64Array } {
  const { T, B, D, H } = options;
  const dWx = new Float64Array(wx.length);
  addTransposedProduct(dWx, input.bySteps, dProduct, T * B, D, 4 * H);
  const dBySteps = multiplyTransposed(dProduct, wx, T * B, 4 * H, D);
  const dx = new Float64Array(T * B * D);
  for (let s = 0; s < T; s++)
    for (let n = 0; n < B; n++) {
      const from = (s * B + n) * D;
      dx.set(dBySteps.subarray(from, from + D), (rows.position(s, n) * B + n) * D);
    }
  return { wx: dWx, x: dx };
}
