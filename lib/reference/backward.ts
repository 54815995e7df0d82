/** The batch-normalised LSTM, backward (docs/paper.md §1.2, steps 1-8; §1.5 for finished rows). */
import type { BnLstmOutput } from './bn_lstm.js';
import {
  type BnLstmGradients,
  completeParameters,
  type LstmParameters,
  type Zoneout,
} from './contract.js';
import { inputProductBackward } from './input.js';
import { add, addTransposedProduct, multiplyTransposed, sumRows } from './matrix.js';
import { normaliseBackward } from './normalise.js';
import { roundedWeights, rounding } from './rounding.js';
import { keptFraction } from './zoneout.js';

export interface UpstreamGradients {
  /** [T][B][H], aligned with y. */ dy?: Float64Array;
  /** [B][H] */ dhT?: Float64Array;
  /** [B][H] */ dcT?: Float64Array;
}

/**
 * The gradient of a loss of y, hT and cT. With `norm: 'none'` the gammas' are 0, as they do not
 * take part, and betaC's is the derivative at 0 where betaC is absent.
 */
export function backward(
  parameters: LstmParameters,
  out: BnLstmOutput,
  upstream: UpstreamGradients,
): BnLstmGradients {
  const { options, rows, input, inputs, steps, tokens } = out.cache;
  const round = rounding(options);
  const p = roundedWeights(completeParameters(parameters, options), round);
  const { T, B, H, zoneoutC, zoneoutH } = options;
  const G = 4 * H;
  const zeros = (size: number) => new Float64Array(size);
  const gradient = { wh: zeros(H * G), b: zeros(G), gammaC: zeros(H), betaC: zeros(H) };
  const gammaH = zeros(G);
  const gammaX = zeros(G);
  const dPAll = zeros(T * B * G);
  let dhCarry: Float64Array = upstream.dhT?.slice() ?? zeros(B * H);
  let dcCarry: Float64Array = upstream.dcT?.slice() ?? zeros(B * H);

  for (let s = T - 1; s >= 0; s--) {
    const { hPrevious, cPrevious, f, i, o, g, tanhC, recurrent, cell } = steps[s];
    const running = rows.running.subarray(s * B, (s + 1) * B);
    const kept = (zoneout: Zoneout | undefined, k: number) => keptFraction(zoneout, s, k, B * H);
    const dhPrevious = zeros(B * H);
    const dcPrevious = zeros(B * H);
    const dO = zeros(B * H);
    const dz = zeros(B * H);

    // h_t = o ⊙ tanh(z), z = γ_c ĉ + β_c; kept units and finished rows pass their gradient on.
    for (let k = 0; k < B * H; k++) {
      const n = Math.floor(k / H);
      const dy = upstream.dy?.[(rows.position(s, n) * B + n) * H + (k % H)] ?? 0;
      const dh = dy + dhCarry[k];
      const keep = running[n] ? kept(zoneoutH, k) : 1;
      dhPrevious[k] = keep * dh;
      dO[k] = (1 - keep) * dh * tanhC[k];
      dz[k] = (1 - keep) * dh * o[k] * (1 - tanhC[k] ** 2);
    }
    const throughCell = normaliseBackward(dz, p.gammaC, cell);
    add(gradient.gammaC, throughCell.dGamma);
    add(gradient.betaC, throughCell.dBeta);

    // c_t = f ⊙ c_{t-1} + i ⊙ g. A finished row's c may have been counted in the statistics.
    const dP = dPAll.subarray(s * B * G, (s + 1) * B * G);
    for (let k = 0; k < B * H; k++) {
      const n = Math.floor(k / H);
      const dcTotal = dcCarry[k] + throughCell.dx[k];
      if (!running[n]) {
        dcPrevious[k] = dcTotal;
        continue;
      }
      const keep = kept(zoneoutC, k);
      const dc = (1 - keep) * dcTotal;
      dcPrevious[k] = keep * dcTotal + dc * f[k];
      const column = n * G + (k % H);
      dP[column] = dc * cPrevious[k] * f[k] * (1 - f[k]);
      dP[column + H] = dc * g[k] * i[k] * (1 - i[k]);
      dP[column + 2 * H] = dO[k] * o[k] * (1 - o[k]);
      dP[column + 3 * H] = dc * i[k] * (1 - g[k] ** 2);
    }

    // P = BN(A; γ_h) + BN(B; γ_x) + b, A = h_{t-1} Wh.
    const throughRecurrent = normaliseBackward(dP, p.gammaH, recurrent);
    add(gradient.b, throughRecurrent.dBeta);
    add(gammaH, throughRecurrent.dGamma);
    const dA = round(throughRecurrent.dx);
    addTransposedProduct(gradient.wh, hPrevious, dA, B, H, G);
    dhCarry = multiplyTransposed(dA, p.wh, B, G, H);
    add(dhCarry, dhPrevious);
    dcCarry = dcPrevious;
  }

  // B = x_t Wx of all steps, per step or over the whole sequence.
  const dB = zeros(T * B * G);
  const size = dB.length / inputs.length;
  inputs.forEach((normalised, k) => {
    const dP = dPAll.subarray(k * size, (k + 1) * size);
    const throughInput = normaliseBackward(dP, p.gammaX, normalised);
    add(gammaX, throughInput.dGamma);
    dB.set(round(throughInput.dx), k * size);
  });
  const { wx, x } = inputProductBackward(dB, input, p.wx, options, rows);

  // Without normalisation the gammas are constants 1, not parameters.
  const gammas = { gammaX, gammaH, gammaC: gradient.gammaC };
  if (options.norm === 'none') for (const gamma of Object.values(gammas)) gamma.fill(0);
  return {
    ...gradient,
    ...gammas,
    wx,
    ...(tokens ? {} : { x }),
    h0Rows: dhCarry,
    c0Rows: dcCarry,
    h0: sumRows(dhCarry, H),
    c0: sumRows(dcCarry, H),
  };
}
