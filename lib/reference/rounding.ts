/**
 * Where the bf16 op rounds (native/ops/bn_lstm.h): the weights; h0 and every h_t, once, after
 * zoneout; what the forward pass keeps of the preactivations; and dA and dB as operands of products.
 * All else is in full precision. `round` is the identity unless a test asks for another.
 */
import type { BnLstmOptions, BnLstmParameters } from './contract.js';
import { type Gates, gatesOf } from './gates.js';
import type { Normalised } from './normalise.js';

export type Round = (values: Float64Array) => Float64Array;

export function rounding({ round }: BnLstmOptions): Round {
  return round ? (values) => values.map(round) : (values) => values;
}

/** The parameters as the products read them. */
export function roundedWeights(p: BnLstmParameters, round: Round): BnLstmParameters {
  return { ...p, wx: round(p.wx), wh: round(p.wh) };
}

/** As backward finds it. */
export function kept(normalised: Normalised, round: Round): Normalised {
  return { ...normalised, hat: round(normalised.hat) };
}

/** The gates as backward computes them again: of x̂ of A and of B, or without norm of A + B. */
export function keptGates(
  recurrent: Float64Array,
  input: Float64Array,
  p: BnLstmParameters,
  running: Uint8Array,
  options: BnLstmOptions,
): Gates {
  const round = rounding(options);
  if (options.norm !== 'none') return gatesOf(round(recurrent), round(input), p, running);
  const sum = recurrent.map((value, k) => value + input[k]);
  return gatesOf(round(sum), new Float64Array(sum.length), p, running);
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The nearest number that bf16 holds, ties to even; NaN stays NaN. */
export function toBf16(value: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return value;
  word[0] = (word[0] + 0x7fff + ((word[0] >>> 16) & 1)) & 0xffff0000;
  return float[0];
}
