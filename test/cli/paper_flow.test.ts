// Gradient flow at initialisation (docs/paper.md §2) and the settling of statistics.
import { describe, expect, it } from 'vitest';
import { lstmFlow, type Problem, rnnFlow } from '../../lib/cli/paper/gradient_flow.js';
import { settling } from '../../lib/cli/paper/statistics.js';
import { Philox } from '../../lib/random.js';
import { backward, forward } from '../../lib/reference/bn_lstm.js';

const H = 100;

/** Random pixels in [0, 1] and random weights. */
function problem(T: number, B: number, gamma: number): Problem {
  const random = (stream: number, length: number, scale: number) => {
    const philox = new Philox(7, stream);
    return Float64Array.from({ length }, (_, k) => scale * philox.normal(k));
  };
  const pixel = new Philox(7, 1);
  const pixels = Float64Array.from({ length: T * B }, (_, k) => pixel.uniform(k));
  return {
    ...{ T, B, gamma, x: pixels, h0: random(2, B * H, 0.1) },
    targets: Int32Array.from({ length: B }, (_, n) => n % 10),
    parameters: {
      wx: random(3, 4 * H, 0.1),
      wh: random(4, H * 4 * H, 0.1),
      b: random(5, 4 * H, 0.1),
      outputWeights: random(6, H * 10, 0.1),
    },
  };
}

describe('gradient flow', () => {
  /** Decades per step that the gradient loses on its way back, the last steps left out. */
  const loss = (gamma: number) => {
    const { h } = rnnFlow(problem(200, 64, gamma));
    return (h[180] - h[0]) / 180;
  };

  it.each([0.1, 0.3, 0.5])('of a BN-RNN is kept with gamma %d', (gamma) => {
    expect(loss(gamma)).toBeLessThan(0.01);
  });

  it.each([0.8, 1])('of a BN-RNN vanishes with gamma %d', (gamma) => {
    expect(loss(gamma)).toBeGreaterThan(0.05);
  });

  it('of a BN-LSTM is the gradient of the rest of the sequence', () => {
    const [T, B, gamma] = [5, 4, 0.5];
    const given = problem(T, B, gamma);
    const { x, h0, parameters } = given;
    const filled = (length: number) => new Float64Array(length).fill(gamma);
    const p = {
      ...parameters,
      ...{ gammaX: filled(4 * H), gammaH: filled(4 * H), gammaC: filled(H) },
      betaC: new Float64Array(H),
    };
    const first = forward(p, x.subarray(0, B), h0, new Float64Array(H), { T: 1, B, D: 1, H });
    const rest = forward(p, x.subarray(B), first.hT, first.cT, { T: T - 1, B, D: 1, H });
    // The gradient of the loss at h_T, from its own value at the last step: flow.h's last is its norm.
    const { h, c } = lstmFlow(given);
    expect(h).toHaveLength(T);
    const last = lossGradientOf(given, rest.hT);
    expect(h[T - 1]).toBeCloseTo(logNorm(last), 10);
    const gradients = backward(p, rest, { dhT: last });
    expect(h[0]).toBeCloseTo(logNorm(gradients.h0Rows), 10);
    expect(c?.[0]).toBeCloseTo(logNorm(gradients.c0Rows), 10);
  });
});

function logNorm(values: Float64Array): number {
  const rows = values.length / H;
  const norms = Array.from({ length: rows }, (_, n) =>
    Math.sqrt(values.subarray(n * H, (n + 1) * H).reduce((sum, value) => sum + value ** 2, 0)),
  );
  return Math.log10(norms.reduce((sum, norm) => sum + norm, 0) / rows);
}

/** d/dh of the mean of −log softmax(h w)[target]. */
function lossGradientOf({ targets, parameters }: Problem, h: Float64Array): Float64Array {
  const w = parameters.outputWeights;
  const B = targets.length;
  const out = new Float64Array(B * H);
  for (let n = 0; n < B; n++) {
    const logits = Array.from({ length: 10 }, (_, k) =>
      h.subarray(n * H, (n + 1) * H).reduce((sum, value, j) => sum + value * w[j * 10 + k], 0),
    );
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    for (let k = 0; k < 10; k++) {
      const error = (Math.exp(logits[k]) / total - (k === targets[n] ? 1 : 0)) / B;
      for (let j = 0; j < H; j++) out[n * H + j] += error * w[j * 10 + k];
    }
  }
  return out;
}

describe('settling', () => {
  it('is the distance from the last step, relative to that of the first', () => {
    const table = Float32Array.of(4, -4, 1, -1, 0.5, 0.5, 0, 0); // 4 steps of 2 units
    expect(settling(table, 4)).toEqual({ last: 0, distance: [1, 0.25, 0.125, 0] });
  });
});
