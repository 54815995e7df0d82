/** Random tensors for given options: the inputs of one forward and backward pass. */
import type { BnLstmOptions, LstmParameters, Statistics } from '../../lib/reference/contract.js';
import { rowsOf } from '../../lib/reference/rows.js';
import type { Random } from './random.js';

export interface Generated {
  parameters: LstmParameters;
  x: Float64Array | Int32Array;
  h0: Float64Array;
  c0: Float64Array;
  options: BnLstmOptions;
  upstream: { dy: Float64Array; dhT: Float64Array; dcT: Float64Array };
}

/** A table of S steps (one input row for 'sequence'). */
export function generatePopulation(random: Random, S: number, options: BnLstmOptions): Statistics {
  const G = 4 * options.H;
  const inputSteps = options.inputStatistics === 'sequence' ? 1 : S;
  return {
    recurrentMean: random.normals(S * G, 0.3),
    recurrentVar: random.uniforms(S * G, 0.1, 1),
    inputMean: random.normals(inputSteps * G, 0.3),
    inputVar: random.uniforms(inputSteps * G, 0.1, 1),
    cellMean: random.normals(S * options.H, 0.3),
    cellVar: random.uniforms(S * options.H, 0.1, 1),
  };
}

/**
 * Padding that the contract says is never read is NaN, or token -1. `learned`: h0 and c0 are [H],
 * the same for every row; otherwise [B][H].
 */
export function generate(
  random: Random,
  options: BnLstmOptions,
  { tokens = false, learned = false, betaC = true } = {},
): Generated {
  const { T, B, D, H } = options;
  const G = 4 * H;
  const parameters: LstmParameters = {
    wx: random.normals(D * G, 0.6),
    wh: random.normals(H * G, 0.6),
    b: random.normals(G, 0.2).map((value, k) => value + (k < H ? 1 : 0)),
    gammaX: random.uniforms(G, 0.05, 0.6),
    gammaH: random.uniforms(G, 0.05, 0.6),
    gammaC: random.uniforms(H, 0.05, 0.6),
    ...(betaC ? { betaC: random.normals(H, 0.1) } : {}),
  };
  const width = tokens ? 1 : D;
  const x = tokens
    ? Int32Array.from({ length: T * B }, () => random.integer(0, D - 1))
    : random.normals(T * B * D);
  const rows = rowsOf(options);
  for (let s = 0; s < T; s++)
    for (let n = 0; n < B; n++) {
      const at = (rows.position(s, n) * B + n) * width;
      if (!rows.input[s * B + n]) x.fill(tokens ? -1 : Number.NaN, at, at + width);
    }
  return {
    parameters,
    x,
    h0: random.normals(learned ? H : B * H, 0.3),
    c0: random.normals(learned ? H : B * H, 0.3),
    options,
    upstream: {
      dy: random.normals(T * B * H),
      dhT: random.normals(B * H),
      dcT: random.normals(B * H),
    },
  };
}
