/**
 * Gradient flow at initialisation (paper §4, its figure 1a): how large is the gradient of the loss
 * with respect to h_t, t steps from the beginning? In double precision with lib/reference, as float32
 * would underflow where it vanishes.
 *
 * The paper shows a BN-RNN, tanh with the identity as its recurrent matrix and one normalisation of
 * the sum: `bn-rnn` here. `bn-lstm` is this package's model as it starts on MNIST. There the gradient
 * is that of h_t with c_t held fixed, so that what flows along the cells is not in it: `c_t`'s own
 * gradient is measured beside it.
 */
import type { Batch, Model } from '../../index.js';
import { mnist } from '../../index.js';
import { hostStream, Philox } from '../../random.js';
import { type BnLstmOutput, backward, forward } from '../../reference/bn_lstm.js';
import { linear, linearBackward, softmaxCrossEntropy } from '../../reference/heads.js';
import { multiply } from '../../reference/matrix.js';
import { type Normalised, normaliseBackward, normaliser } from '../../reference/normalise.js';
import type { Choice, Measurement } from './experiment.js';
import { mnistModel, mnistSettings } from './mnist.js';

const { hidden: H, initialNoise } = mnistSettings;
const classes = 10;
const rnnGammas = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const lstmGammas = [0.1, 0.3, 0.5, 0.7, 1];

/** A batch by time steps, and the values that both models start from. */
export interface Problem {
  /** [T][B] */
  readonly x: Float64Array;
  /** [B] */
  readonly targets: Int32Array;
  readonly T: number;
  readonly B: number;
  readonly gamma: number;
  /** [B][H]: the noise, as h0 is zero at first. */
  readonly h0: Float64Array;
  readonly parameters: Parameters;
}

interface Parameters {
  /** [1][4H]; its first H columns are those of the RNN. */
  readonly wx: Float64Array;
  readonly wh: Float64Array;
  readonly b: Float64Array;
  readonly outputWeights: Float64Array;
}

/** log10 of the mean over the rows of the norm of a row, for every t. */
export interface Flow {
  readonly h: readonly number[];
  readonly c?: readonly number[];
}

function logNorm(values: Float64Array): number {
  const rows = values.length / H;
  let sum = 0;
  for (let n = 0; n < rows; n++) sum += Math.hypot(...values.subarray(n * H, (n + 1) * H));
  return Math.log10(sum / rows);
}

/** The gradient of the mean cross-entropy at h_T. */
function lossGradient(h: Float64Array, { targets, parameters }: Problem): Float64Array {
  const { outputWeights } = parameters;
  const logits = linear(h, outputWeights, new Float64Array(classes));
  const { gradient } = softmaxCrossEntropy(logits, targets);
  return linearBackward(h, outputWeights, gradient, classes).x;
}

/** h_t = tanh(BN(h_{t-1} + x_t wx; gamma)) */
export function rnnFlow(problem: Problem): Flow {
  const { x, T, B, gamma, parameters } = problem;
  const wx = unitRow(parameters.wx.subarray(0, H));
  const gammas = new Float64Array(H).fill(gamma);
  const rows = new Uint8Array(B).fill(1);
  const normalise = normaliser({ T, B, D: 1, H });
  const steps: { readonly h: Float64Array; readonly normalised: Normalised }[] = [];
  let h = problem.h0;
  for (let t = 0; t < T; t++) {
    const input = multiply(x.subarray(t * B, (t + 1) * B), wx, B, 1, H);
    const sum = input.map((value, k) => value + h[k]);
    const normalised = normalise(sum, rows, 'recurrent', () => t);
    h = normalised.hat.map((value) => Math.tanh(gamma * value));
    steps.push({ h, normalised });
  }
  let dh = lossGradient(h, problem);
  const norms = [logNorm(dh)];
  for (let t = T - 1; t > 0; t--) {
    const { h, normalised } = steps[t];
    const dz = dh.map((value, k) => value * (1 - h[k] ** 2));
    dh = normaliseBackward(dz, gammas, normalised).dx;
    norms.push(logNorm(dh));
  }
  return { h: norms.reverse() };
}

/** As the orthogonal initial value of a [1][H] matrix. */
function unitRow(row: Float64Array): Float64Array {
  const norm = Math.hypot(...row);
  return row.map((value) => value / norm);
}

/** The reference a step at a time, so that the gradients between the steps can be seen. */
export function lstmFlow(problem: Problem, norm: 'batch' | 'none' = 'batch'): Flow {
  const { x, T, B, gamma, parameters } = problem;
  const filled = (length: number) => new Float64Array(length).fill(gamma);
  const p = {
    ...parameters,
    ...{ gammaX: filled(4 * H), gammaH: filled(4 * H), gammaC: filled(H) },
    betaC: new Float64Array(H),
  };
  const options = { T: 1, B, D: 1, H, norm };
  const steps: BnLstmOutput[] = [];
  let h = problem.h0;
  let c: Float64Array = new Float64Array(B * H);
  for (let t = 0; t < T; t++) {
    const out = forward(p, x.subarray(t * B, (t + 1) * B), h, c, options);
    steps.push(out);
    h = out.hT;
    c = out.cT;
  }
  let dh = lossGradient(h, problem);
  let dc: Float64Array = new Float64Array(B * H);
  const norms = { h: [logNorm(dh)], c: [logNorm(dc)] };
  for (let t = T - 1; t > 0; t--) {
    const gradients = backward(p, steps[t], { dhT: dh, dcT: dc });
    dh = gradients.h0Rows;
    dc = gradients.c0Rows;
    norms.h.push(logNorm(dh));
    norms.c.push(logNorm(dc));
  }
  return { h: norms.h.reverse(), c: norms.c.reverse() };
}

/** What the paper's figure is of: a batch of images at the initial values of `seed`. */
export async function mnistProblem(
  { seed, device, threads }: Choice,
  T: number,
): Promise<Omit<Problem, 'gamma'>> {
  const { valid } = await mnist({ pixelOrder: 'scanline' });
  const B = mnistSettings.batchSize;
  let batch: Batch | undefined;
  for await (batch of valid.batches({ batchSize: B, limit: B }));
  const { inputs, targets, steps } = batch as Batch;
  const x = new Float64Array(T * B);
  for (let n = 0; n < B; n++) {
    for (let t = 0; t < T; t++) x[t * B + n] = inputs[n * steps + t];
  }
  const noise = new Philox(seed, hostStream.syntheticData);
  return {
    ...{ x, T, B, targets: targets as Int32Array },
    h0: Float64Array.from({ length: B * H }, (_, k) => initialNoise * noise.normal(k)),
    parameters: await initialParameters({ seed, device, threads }),
  };
}

async function initialParameters(choice: Choice): Promise<Parameters> {
  const model: Model = await mnistModel({ model: 'bn-lstm', order: 'scanline' }, choice);
  const get = async (name: string) => Float64Array.from(await model.get(name));
  const parameters = {
    wx: await get('0.wx'),
    wh: await get('0.wh'),
    b: await get('0.b'),
    outputWeights: await get('2.w'),
  };
  await model.dispose();
  return parameters;
}

/** A point of a curve every so many steps. */
const stride = 9;

function points(values: readonly number[]): (number | null)[] {
  return values
    .filter((_, t) => t % stride === 0)
    .map((value) => (Number.isFinite(value) ? Number(value.toFixed(3)) : null));
}

export const gradientFlow: Measurement = {
  name: 'gradient-flow',
  summary: 'The gradient of the loss by time step at initialisation, for several gammas',
  settings: { ...mnistSettings, iterations: 0, order: 'scanline', rnnGammas, lstmGammas, stride },
  async measure(choice, say) {
    const problem = await mnistProblem(choice, mnistSettings.steps);
    const results: object[] = [];
    const add = (model: string, gamma: number | undefined, { h, c }: Flow) => {
      say(`${model}${gamma === undefined ? '' : ` gamma ${gamma}`}: ${h[0].toFixed(1)} at t = 0`);
      const cells = c && { logNormOfCellGradient: points(c) };
      results.push({ model, gamma, logNormOfGradient: points(h), ...cells });
    };
    for (const gamma of rnnGammas) add('bn-rnn', gamma, rnnFlow({ ...problem, gamma }));
    for (const gamma of lstmGammas) add('bn-lstm', gamma, lstmFlow({ ...problem, gamma }));
    add('lstm', undefined, lstmFlow({ ...problem, gamma: 1 }, 'none'));
    return results;
  },
};
