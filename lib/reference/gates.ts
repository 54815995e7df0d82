/** The four gates of one time step, from what the normalisations give (docs/paper.md §1.1). */
import type { BnLstmParameters } from './contract.js';

/** [B][H] each; zero in rows that do not run. */
export interface Gates {
  f: Float64Array;
  i: Float64Array;
  o: Float64Array;
  g: Float64Array;
}

/** Overflow-safe: exp(-x) = Infinity gives 0. */
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Of P = γ_h recurrent + γ_x input + b, both [B][4H]; only rows that run are looked at. */
export function gatesOf(
  recurrent: Float64Array,
  input: Float64Array,
  { gammaH, gammaX, b }: BnLstmParameters,
  running: Uint8Array,
): Gates {
  const H = b.length / 4;
  const [f, i, o, g] = Array.from({ length: 4 }, () => new Float64Array(running.length * H));
  for (let k = 0; k < running.length * H; k++) {
    const n = Math.floor(k / H);
    if (!running[n]) continue;
    const preactivation = (gate: number) => {
      const column = gate * H + (k % H);
      const at = n * 4 * H + column;
      return gammaH[column] * recurrent[at] + gammaX[column] * input[at] + b[column];
    };
    f[k] = sigmoid(preactivation(0));
    i[k] = sigmoid(preactivation(1));
    o[k] = sigmoid(preactivation(2));
    g[k] = Math.tanh(preactivation(3));
  }
  return { f, i, o, g };
}
