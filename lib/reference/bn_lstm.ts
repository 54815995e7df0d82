/**
 * The batch-normalised LSTM, forward (Cooijmans et al. 2016, eq. 6-8; docs/paper.md §1.1). In row-vector
 * form, for each time step, with one set of batch statistics per step:
 *
 *   A = h_{t-1} Wh      B = x_t Wx      P = BN(A; γ_h) + BN(B; γ_x) + b      [f̃ ĩ õ g̃] = P
 *   c_t = f ⊙ c_{t-1} + i ⊙ g           h_t = o ⊙ tanh(BN(c_t; γ_c, β_c))
 *
 * The carried c_t is not normalised. Zoneout keeps units of c_t and h_t, and finished rows keep
 * everything (outermost; docs/paper.md §1.5).
 */
import {
  type BnLstmOptions,
  completeParameters,
  type LstmParameters,
  type Statistics,
  type Zoneout,
} from './contract.js';
import { type Gates, gatesOf } from './gates.js';
import { type InputProduct, inputProduct } from './input.js';
import { multiply, selectRows } from './matrix.js';
import { type Normalised, normaliser } from './normalise.js';
import { kept, keptGates, roundedWeights, rounding } from './rounding.js';
import { type Rows, rowsOf } from './rows.js';
import type { RowCounts } from './statistics.js';
import { keptFraction, mix } from './zoneout.js';

export { backward } from './backward.js';
export type * from './contract.js';

/** What one time step saves for backward; all [B][H] but the two normalisations. */
export interface Step extends Gates {
  /** Rows outside the state statistics are zero. */
  hPrevious: Float64Array;
  cPrevious: Float64Array;
  /** tanh(γ_c ĉ + β_c) */
  tanhC: Float64Array;
  recurrent: Normalised;
  cell: Normalised;
}

export interface Cache {
  options: BnLstmOptions;
  tokens: boolean;
  rows: Rows;
  input: InputProduct;
  /** One per time step, or one over all of them (inputStatistics 'sequence'). */
  inputs: Normalised[];
  steps: Step[];
}

export interface BnLstmOutput {
  /** h and c of all steps, [T][B][H], realigned with x. */
  y: Float64Array;
  c: Float64Array;
  /** [B][H] after the last step that each row ran. */
  hT: Float64Array;
  cT: Float64Array;
  /** Of this batch, by step, S = T; the given table with population statistics; empty for 'none'. */
  statistics: Statistics;
  /** Rows behind the batch statistics, for pooling. */
  counts: RowCounts;
  cache: Cache;
}

/** x: [T][B][D], or tokens [T][B]. h0, c0: learned [H], or rows [B][H] (any noise already added). */
export function forward(
  parameters: LstmParameters,
  x: Float64Array | Int32Array,
  h0: Float64Array,
  c0: Float64Array,
  options: BnLstmOptions,
): BnLstmOutput {
  const { T, B, H } = options;
  const G = 4 * H;
  const round = rounding(options);
  const p = roundedWeights(completeParameters(parameters, options), round);
  const rows = rowsOf(options);
  const normalise = normaliser(options);
  const input = inputProduct(x, p.wx, options, rows);

  // Independent of the recurrence: one normalisation per step of B rows, or a single one of T·B.
  const blocks = options.inputStatistics === 'sequence' ? 1 : T;
  const size = (T * B) / blocks;
  const inputs = Array.from({ length: blocks }, (_, k) => {
    const product = input.product.subarray(k * size * G, (k + 1) * size * G);
    const taking = rows.input.subarray(k * size, (k + 1) * size);
    return normalise(product, taking, 'input', (n) => k + Math.floor(n / B));
  });
  const inputHat = concatenate(inputs.map(({ hat }) => hat));

  let h = round(initialRows(h0, B, H));
  let c = initialRows(c0, B, H);
  const y = new Float64Array(T * B * H);
  const cAll = new Float64Array(T * B * H);
  const steps: Step[] = [];
  for (let s = 0; s < T; s++) {
    const running = rows.running.subarray(s * B, (s + 1) * B);
    const taking = rows.state.subarray(s * B, (s + 1) * B);
    const keeps = (zoneout: Zoneout | undefined, k: number) => keptFraction(zoneout, s, k, B * H);
    const [cPrevious, hPrevious] = [c, selectRows(h, taking, H)];
    const recurrent = normalise(multiply(hPrevious, p.wh, B, H, G), taking, 'recurrent', () => s);

    const bHat = inputHat.subarray(s * B * G, (s + 1) * B * G);
    const gates = gatesOf(recurrent.hat, bHat, p, running);
    const { f, i, o, g } = gates;
    c = cPrevious.slice();
    for (let k = 0; k < B * H; k++) {
      if (!running[Math.floor(k / H)]) continue;
      c[k] = mix(keeps(options.zoneoutC, k), cPrevious[k], f[k] * cPrevious[k] + i[k] * g[k]);
    }

    const cell = normalise(c, taking, 'cell', () => s);
    const tanhC = new Float64Array(B * H);
    h = h.slice();
    for (let k = 0; k < B * H; k++) {
      if (!running[Math.floor(k / H)]) continue;
      tanhC[k] = Math.tanh(p.gammaC[k % H] * cell.hat[k] + p.betaC[k % H]);
      h[k] = mix(keeps(options.zoneoutH, k), h[k], o[k] * tanhC[k]);
    }
    h = round(h);

    for (let n = 0; n < B; n++) {
      const at = (rows.position(s, n) * B + n) * H;
      y.set(h.subarray(n * H, (n + 1) * H), at);
      cAll.set(c.subarray(n * H, (n + 1) * H), at);
    }
    steps.push({
      ...{ hPrevious, cPrevious, tanhC, cell },
      ...(options.round ? keptGates(recurrent.hat, bHat, p, running, options) : gates),
      recurrent: kept(recurrent, round),
    });
  }
  const tokens = x instanceof Int32Array;
  const savedInputs = inputs.map((normalised) => kept(normalised, round));
  const cache: Cache = { options, tokens, rows, input, inputs: savedInputs, steps };
  return { y, c: cAll, hT: h, cT: c, ...statisticsOf(cache), cache };
}

function initialRows(initial: Float64Array, B: number, H: number): Float64Array {
  if (initial.length === B * H) return initial.slice();
  if (initial.length !== H) throw new Error(`an initial state has ${H} or ${B * H} elements`);
  return Float64Array.from({ length: B * H }, (_, k) => initial[k % H]);
}

function concatenate(parts: Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function statisticsOf({ options, inputs, steps }: Cache) {
  const table = (of: Normalised[], moment: 'mean' | 'variance') =>
    concatenate(of.map((normalised) => normalised[moment]));
  const recurrent = steps.map((step) => step.recurrent);
  const cell = steps.map((step) => step.cell);
  const statistics: Statistics = {
    recurrentMean: table(recurrent, 'mean'),
    recurrentVar: table(recurrent, 'variance'),
    inputMean: table(inputs, 'mean'),
    inputVar: table(inputs, 'variance'),
    cellMean: table(cell, 'mean'),
    cellVar: table(cell, 'variance'),
  };
  const counts: RowCounts = {
    state: recurrent.map(({ count }) => count),
    input: inputs.map(({ count }) => count),
  };
  const given = options.norm !== 'none' && options.statistics === 'population';
  return { statistics: (given && options.population) || statistics, counts };
}
