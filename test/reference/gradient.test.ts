import { describe, expect, it } from 'vitest';
import { backward, forward } from '../../lib/reference/bn_lstm.js';
import type { BnLstmOptions, Zoneout } from '../../lib/reference/contract.js';
import {
  linear,
  linearBackward,
  meanSquaredError,
  softmaxCrossEntropy,
} from '../../lib/reference/heads.js';
import { type Generated, generate, generatePopulation } from './generate.js';
import { type Random, random } from './random.js';

/** Σ y·dy + ½ Σ y² + Σ hT·dhT + Σ cT·dcT: not linear in y, so that y itself enters backward. */
function loss({ parameters, x, h0, c0, options, upstream }: Generated): number {
  const { y, hT, cT } = forward(parameters, x, h0, c0, options);
  let sum = 0;
  y.forEach((value, k) => {
    sum += value * upstream.dy[k] + 0.5 * value * value;
  });
  hT.forEach((value, k) => {
    sum += value * upstream.dhT[k] + cT[k] * upstream.dcT[k];
  });
  return sum;
}

/**
 * Sixth-order central differences of f at every element of `at`, which is changed and restored.
 * h is small because two running rows that are nearly equal bend the loss on a scale of √eps;
 * there the error falls 64-fold when h is halved, down to rounding at about this h.
 */
function differences(f: () => number, at: Float64Array, h = 2e-5): Float64Array {
  return Float64Array.from(at, (value, k) => {
    const shifted = (steps: number) => {
      at[k] = value + steps * h;
      const result = f();
      at[k] = value;
      return result;
    };
    const pair = (steps: number) => shifted(steps) - shifted(-steps);
    return (45 * pair(1) - 9 * pair(2) + pair(3)) / (60 * h);
  });
}

/** The largest deviation from the differences, relative to the tensor's largest or 0.01. */
function deviation(gradient: Float64Array, numeric: Float64Array): number {
  if (gradient.length !== numeric.length) return Number.NaN;
  const scale = numeric.reduce((a, b) => Math.max(a, Math.abs(b)), 0.01);
  return gradient.reduce((a, value, k) => Math.max(a, Math.abs(value - numeric[k])), 0) / scale;
}

function check(generated: Generated): void {
  const { parameters, x, h0, c0, options, upstream } = generated;
  const out = forward(parameters, x, h0, c0, options);
  const dy = upstream.dy.map((value, k) => value + out.y[k]);
  const gradients = backward(parameters, out, { ...upstream, dy });
  const tensors: [string, Float64Array, Float64Array][] = [
    ...Object.entries(parameters).map(([name, at]): [string, Float64Array, Float64Array] => [
      name,
      at,
      gradients[name as keyof typeof parameters],
    ]),
    ['h0', h0, h0.length === options.H ? gradients.h0 : gradients.h0Rows],
    ['c0', c0, c0.length === options.H ? gradients.c0 : gradients.c0Rows],
  ];
  if (x instanceof Int32Array) expect(gradients.x).toBeUndefined();
  else tensors.push(['x', x, gradients.x as Float64Array]);
  for (const [name, at, gradient] of tensors) {
    const error = deviation(
      gradient,
      differences(() => loss(generated), at),
    );
    if (!(error <= 1e-8)) expect.fail(`${name}: relative error ${error}`);
  }
}

const T = 4;
const B = 4;
const sizes = { T, B, D: 3, H: 2 };
const lengths = [4, 2, 3, 1];
const masks = (random: Random, { T, B, H } = sizes): Zoneout => ({
  mask: Float64Array.from({ length: T * B * H }, () => random.integer(0, 1)),
});
const population = (S: number, options: BnLstmOptions = sizes) =>
  generatePopulation(random(S), S, options);

type Named = [name: string, options: Partial<BnLstmOptions>, how?: Parameters<typeof generate>[2]];
const named: Named[] = [
  ['batch statistics', {}],
  ['another eps', { eps: 0.01 }],
  ['two rows', { B: 2, eps: 0.1 }],
  ['one row', { B: 1 }],
  ['one step', { T: 1 }],
  ['learned initial states', {}, { learned: true }],
  ['tokens', {}, { tokens: true }],
  ['tokens, reverse, lengths', { reverse: true, lengths }, { tokens: true }],
  ['reverse', { reverse: true }],
  ['lengths, running rows', { lengths }],
  ['lengths, all rows', { lengths, lengthStatistics: 'all' }],
  ['lengths, all rows, reverse', { lengths, lengthStatistics: 'all', reverse: true }],
  ['lengths, a row that never runs', { lengths: [4, 0, 3, 2] }],
  ['lengths, steps at which no row runs', { lengths: [2, 1, 2, 2] }],
  ['sequence-wise input', { inputStatistics: 'sequence' }],
  ['sequence-wise input, lengths', { inputStatistics: 'sequence', lengths }],
  [
    'sequence-wise input, lengths, all rows, reverse',
    { inputStatistics: 'sequence', lengths, lengthStatistics: 'all', reverse: true },
  ],
  ['population', { statistics: 'population', population: population(4) }],
  ['population, beyond the table', { statistics: 'population', population: population(2) }],
  [
    'population, first step of each row, lengths, reverse',
    {
      statistics: 'population',
      population: population(5),
      firstStep: [0, 3, 1, 9],
      lengths,
      reverse: true,
    },
  ],
  [
    'population, sequence-wise input',
    {
      statistics: 'population',
      population: population(3, { ...sizes, inputStatistics: 'sequence' }),
      inputStatistics: 'sequence',
    },
  ],
  ['population, one row', { B: 1, statistics: 'population', population: population(3) }],
  ['zoneout masks', { zoneoutC: masks(random(1)), zoneoutH: masks(random(2)) }],
  ['zoneout masks, lengths', { zoneoutC: masks(random(3)), zoneoutH: masks(random(4)), lengths }],
  ['zoneout rates', { zoneoutC: { rate: 0.5 }, zoneoutH: { rate: 0.05 } }],
  ['zoneout of c only, all rows', { zoneoutC: masks(random(5)), lengths, lengthStatistics: 'all' }],
  ['no normalisation', { norm: 'none' }],
  ['no normalisation, no beta_c', { norm: 'none' }, { betaC: false }],
  ['no normalisation, lengths, reverse', { norm: 'none', lengths, reverse: true }],
  [
    'no normalisation, zoneout',
    { norm: 'none', zoneoutC: { rate: 0.5 }, zoneoutH: masks(random(6)) },
  ],
];

/** Any combination that the contract allows. */
function randomOptions(random: Random): Named {
  const coin = () => random.uniform() < 0.5;
  const options: BnLstmOptions = {
    T: random.integer(1, 4),
    B: random.integer(1, 4),
    D: random.integer(1, 3),
    H: random.integer(1, 3),
    // Nearly equal rows are likely at these sizes: differences would need a still smaller h.
    eps: 0.1,
    reverse: coin(),
  };
  const { T, B } = options;
  if (coin()) options.inputStatistics = 'sequence';
  if (coin()) options.lengths = Array.from({ length: B }, () => random.integer(0, T));
  if (coin()) options.lengthStatistics = 'all';
  const zoneout = (): Zoneout => (coin() ? masks(random, options) : { rate: random.uniform() });
  if (coin()) options.zoneoutC = zoneout();
  if (coin()) options.zoneoutH = zoneout();
  const mode = random.integer(0, 4);
  if (mode === 0) options.norm = 'none';
  if (mode === 1 || mode === 2) {
    options.statistics = 'population';
    options.population = generatePopulation(random, random.integer(1, 6), options);
    if (coin()) options.firstStep = Array.from({ length: B }, () => random.integer(0, 7));
  }
  const how = { tokens: random.integer(0, 3) === 0, learned: coin(), betaC: mode > 0 || coin() };
  const text = JSON.stringify(options, (key, value) =>
    key === 'population' || key === 'mask' ? '…' : value,
  );
  return [`${text} ${JSON.stringify(how)}`, options, how];
}

describe('backward agrees with central differences', () => {
  it.each(named)('%s', (name, options, how) => {
    check(generate(random(name.length), { ...sizes, ...options }, how));
  });

  const generated = Array.from({ length: 100 }, (_, seed) => randomOptions(random(1000 + seed)));
  it.each(generated)('%s', (name, options, how) => {
    check(generate(random(name.length), { ...sizes, ...options }, how));
  });

  it('takes any subset of the upstream gradients, and adds them up', () => {
    const { parameters, x, h0, c0, options, upstream } = generate(random(7), { ...sizes, lengths });
    const out = forward(parameters, x, h0, c0, options);
    const together = backward(parameters, out, upstream);
    const { dy, dhT, dcT } = upstream;
    const parts = [{ dy }, { dhT }, { dcT }].map((part) => backward(parameters, out, part));
    for (const name of ['wx', 'wh', 'b', 'gammaC', 'h0Rows', 'c0Rows'] as const) {
      const sum = together[name].map((_, k) => parts.reduce((a, part) => a + part[name][k], 0));
      const error = deviation(together[name], sum);
      if (!(error <= 1e-13)) expect.fail(`${name}: relative error ${error}`);
    }
    // hT is the last step's y where no row has finished.
    const full = generate(random(8), sizes);
    const all = forward(full.parameters, full.x, full.h0, full.c0, full.options);
    const last = new Float64Array(full.upstream.dy.length);
    last.set(full.upstream.dhT, last.length - full.upstream.dhT.length);
    expect(backward(full.parameters, all, { dy: last }).wh).toEqual(
      backward(full.parameters, all, { dhT: full.upstream.dhT }).wh,
    );
  });
});

describe('heads agree with central differences', () => {
  const [rows, inputs, outputs] = [4, 3, 5];
  const source = random(3);
  const x = source.normals(rows * inputs);
  const w = source.normals(inputs * outputs);
  const b = source.normals(outputs);
  const targets = [0, 4, 2, 2];
  const target = source.normals(rows * outputs);
  const mask = [1, 0, 1, 1];

  it.each([
    ['cross entropy', (y: Float64Array) => softmaxCrossEntropy(y, targets)],
    ['cross entropy, masked', (y: Float64Array) => softmaxCrossEntropy(y, targets, mask)],
    ['squared error', (y: Float64Array) => meanSquaredError(y, target)],
    ['squared error, masked', (y: Float64Array) => meanSquaredError(y, target, mask)],
  ])('linear and %s', (_, head) => {
    const gradients = linearBackward(x, w, head(linear(x, w, b)).gradient, outputs);
    const f = () => head(linear(x, w, b)).loss;
    for (const [name, at] of Object.entries({ x, w, b })) {
      const error = deviation(gradients[name as 'x' | 'w' | 'b'], differences(f, at));
      if (!(error <= 1e-8)) expect.fail(`${name}: relative error ${error}`);
    }
  });

  it('never reads entries that are not counted', () => {
    const logits = Float64Array.of(1, 2, Number.NaN, Number.NaN);
    const classes = softmaxCrossEntropy(logits, [1, -1], [1, 0]);
    expect(classes.loss).toBeCloseTo(Math.log(1 + Math.exp(-1)), 14);
    expect(classes).toMatchObject({ count: 1 });
    const squares = meanSquaredError(logits, [0, 0, 0, Number.NaN], [1, 0]);
    expect(squares).toEqual({ loss: 2.5, count: 2, gradient: Float64Array.of(1, 2, 0, 0) });
    expect(meanSquaredError(logits, logits, [0, 0])).toMatchObject({ loss: 0, count: 0 });
  });

  it('survives logits of any size', () => {
    const { loss, gradient } = softmaxCrossEntropy(Float64Array.of(1e4, -1e4, 0), [1]);
    expect(loss).toBe(2e4);
    expect(gradient).toEqual(Float64Array.of(1, -1, 0));
  });
});
