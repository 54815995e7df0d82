import { describe, expect, it } from 'vitest';
import { type BnLstmOutput, backward, forward } from '../../lib/reference/bn_lstm.js';
import type { BnLstmOptions, Statistics } from '../../lib/reference/contract.js';
import { relativeError } from './compare.js';
import { type Generated, generate, generatePopulation } from './generate.js';
import { random } from './random.js';

const [T, B, D, H] = [5, 4, 3, 2];
const sizes: BnLstmOptions = { T, B, D, H };
const lengths = [5, 2, 0, 3];

const run = ({ parameters, x, h0, c0, options }: Generated) =>
  forward(parameters, x, h0, c0, options);
const gradientsOf = (generated: Generated, out = run(generated)) =>
  backward(generated.parameters, out, generated.upstream);

/** Row n of [T][B][width], or of [B][width] with steps = 1. */
function row<A extends Float64Array | Int32Array>(a: A, n: number, width: number): A {
  return a.filter((_, k) => Math.floor(k / width) % B === n) as A;
}

/** [T][B][width] with each row turned by hand: its first lengths[n] steps in reverse order. */
function turned(a: Float64Array, width: number, of: number[]): Float64Array {
  return a.map((_, k) => {
    const [s, n, j] = [Math.floor(k / (B * width)), Math.floor(k / width) % B, k % width];
    const from = s < of[n] ? of[n] - 1 - s : s;
    return a[(from * B + n) * width + j];
  });
}

const visible = ({ cache: _, ...rest }: BnLstmOutput) => rest;

function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  const error = relativeError(actual, expected);
  if (!(error <= tolerance)) expect.fail(`relative error ${error}`);
}

describe('reverse', () => {
  it.each([
    ['lengths', { lengths }],
    ['all rows', { lengths, lengthStatistics: 'all' }],
    ['no lengths', {}],
  ] as [string, Partial<BnLstmOptions>][])(
    'is the forward direction on turned x: %s',
    (_, more) => {
      const backwards = generate(random(1), { ...sizes, ...more, reverse: true });
      const of = more.lengths ? lengths : [T, T, T, T];
      const x = turned(backwards.x as Float64Array, D, of);
      const dy = turned(backwards.upstream.dy, H, of);
      const upstream = { ...backwards.upstream, dy };
      const forwards = { ...backwards, x, upstream, options: { ...sizes, ...more } };
      const [a, b] = [run(backwards), run(forwards)];
      expect(visible(a)).toEqual({ ...visible(b), y: turned(b.y, H, of), c: turned(b.c, H, of) });
      const dB = gradientsOf(forwards, b);
      expect(gradientsOf(backwards, a)).toEqual({
        ...dB,
        x: turned(dB.x as Float64Array, D, of),
      });
    },
  );
});

describe('lengths', () => {
  it('finished rows keep h and c, and pass their gradients on', () => {
    const generated = generate(random(2), { ...sizes, lengths });
    const out = run(generated);
    const { upstream, h0, c0 } = generated;
    const gradients = gradientsOf(generated, out);
    for (const [n, length] of lengths.entries()) {
      const [y, c] = [row(out.y, n, H), row(out.c, n, H)];
      const last = length ? y.slice((length - 1) * H, length * H) : row(h0, n, H);
      const lastC = length ? c.slice((length - 1) * H, length * H) : row(c0, n, H);
      for (let s = length; s < T; s++) {
        expect(y.slice(s * H, (s + 1) * H)).toEqual(last);
        expect(c.slice(s * H, (s + 1) * H)).toEqual(lastC);
      }
      expect(row(out.hT, n, H)).toEqual(last);
      expect(row(out.cT, n, H)).toEqual(lastC);
      const dx = row(gradients.x as Float64Array, n, D);
      expect(dx.subarray(length * D)).toEqual(new Float64Array((T - length) * D));
    }
    // Row 2 never runs: all that is said about its states reaches h0 and c0.
    const dy = row(upstream.dy, 2, H);
    const sum = row(upstream.dhT, 2, H).map((value, j) => {
      for (let s = T - 1; s >= 0; s--) value += dy[s * H + j];
      return value;
    });
    expect(row(gradients.h0Rows, 2, H)).toEqual(sum);
    expect(row(gradients.c0Rows, 2, H)).toEqual(row(upstream.dcT, 2, H));
  });

  it('running rows know nothing of finished ones, whatever their states hold', () => {
    const generated = generate(random(3), { ...sizes, lengths });
    const h0 = generated.h0.map((value, k) => (Math.floor(k / H) === 2 ? Number.NaN : value));
    const c0 = generated.c0.map((value, k) => (Math.floor(k / H) === 2 ? 1e300 : value));
    const other = { ...generated, h0, c0 };
    const [a, b] = [run(generated), run(other)];
    expect(b.statistics).toEqual(a.statistics);
    for (const n of [0, 1, 3]) expect(row(b.y, n, H)).toEqual(row(a.y, n, H));
    expect(gradientsOf(other, b)).toEqual(gradientsOf(generated, a));
  });

  it("with 'all', padding is data of the per-step input statistics only", () => {
    const options: BnLstmOptions = { ...sizes, lengths, lengthStatistics: 'all' };
    const generated = generate(random(4), options);
    const x = (generated.x as Float64Array).slice();
    x[((T - 1) * B + 1) * D] += 1;
    expect(run({ ...generated, x }).y).not.toEqual(run(generated).y);
    // Sequence-wise they are over the unpadded part: generate() has put NaN in the padding.
    const sequence = generate(random(4), { ...options, inputStatistics: 'sequence' });
    expect((sequence.x as Float64Array).some(Number.isNaN)).toBe(true);
    const out = run(sequence);
    expect([...out.y, ...out.statistics.inputVar].every(Number.isFinite)).toBe(true);
    expect(out.counts).toEqual({ state: [4, 4, 4, 4, 4], input: [10] });
  });

  it('a step at which no row runs has mean 0 and variance 0', () => {
    const { statistics, counts } = run(generate(random(5), { ...sizes, lengths: [2, 2, 1, 2] }));
    expect(counts.state).toEqual([4, 3, 0, 0, 0]);
    for (const name of ['recurrentVar', 'inputMean'] as const)
      expect(statistics[name].subarray(2 * 4 * H)).toEqual(new Float64Array(3 * 4 * H));
    expect(statistics.cellMean.subarray(2 * H)).toEqual(new Float64Array(3 * H));
  });
});

describe('population statistics', () => {
  it('each row runs alone, from its own first step of the table', () => {
    const S = 4;
    const firstStep = [0, 2, 7, 1];
    const table = generatePopulation(random(6), S, sizes);
    const generated = generate(random(7), {
      ...sizes,
      lengths,
      statistics: 'population',
      population: table,
      firstStep,
    });
    const together = run(generated);
    expect(together.statistics).toBe(table);
    for (const [n, first] of firstStep.entries()) {
      // The table as this row sees it, starting at its first step.
      const from = Math.min(first, S - 1);
      const entries = Object.entries(table).map(([name, values]: [string, Float64Array]) => [
        name,
        values.subarray(from * (values.length / S)),
      ]);
      const alone = run({
        ...generated,
        x: row(generated.x, n, D),
        h0: row(generated.h0, n, H),
        c0: row(generated.c0, n, H),
        options: {
          ...sizes,
          B: 1,
          lengths: [lengths[n]],
          statistics: 'population',
          population: Object.fromEntries(entries) as unknown as Statistics,
        },
      });
      expect(alone.y).toEqual(row(together.y, n, H));
      expect(alone.c).toEqual(row(together.c, n, H));
    }
  });

  it("a batch's own statistics as the table give the same outputs", () => {
    const generated = generate(random(8), { ...sizes, lengths });
    const out = run(generated);
    const options: BnLstmOptions = {
      ...generated.options,
      statistics: 'population',
      population: out.statistics,
    };
    expect(run({ ...generated, options }).y).toEqual(out.y);
  });
});

describe('identities (docs/paper.md §1.3)', () => {
  it('tokens are one-hot rows', () => {
    const tokens = generate(random(9), { ...sizes, lengths }, { tokens: true });
    const oneHot = new Float64Array(T * B * D);
    tokens.x.forEach((token: number, k: number) => {
      if (token >= 0) oneHot[k * D + token] = 1;
    });
    const dense = { ...tokens, x: oneHot };
    expect(visible(run(tokens))).toEqual(visible(run(dense)));
    const { x, ...rest } = gradientsOf(dense);
    expect(x).toBeDefined();
    expect(gradientsOf(tokens)).toEqual(rest);
    const bad = Int32Array.from(tokens.x).fill(D, 0, 1);
    expect(() => run({ ...tokens, x: bad })).toThrow(`token ${D} is outside the vocabulary`);
  });

  it('a constant added to every row of x_t changes nothing; scale does not matter at eps 0', () => {
    const generated = generate(random(10), { ...sizes, eps: 0 });
    const { y } = run(generated);
    const x = generated.x as Float64Array;
    close(run({ ...generated, x: x.map((value, k) => value + 5 + (k % D)) }).y, y, 1e-13);
    const { wx, wh } = generated.parameters;
    const parameters = {
      ...generated.parameters,
      wx: wx.map((value) => 7 * value),
      wh: wh.map((value) => 3 * value),
    };
    close(run({ ...generated, parameters }).y, y, 1e-13);
  });

  it('the weights are scale-invariant: their gradient is orthogonal to them at eps 0', () => {
    const generated = generate(random(11), { ...sizes, eps: 0 });
    const gradients = gradientsOf(generated);
    for (const name of ['wx', 'wh'] as const)
      for (let j = 0; j < 4 * H; j++) {
        const column = (a: Float64Array) => a.filter((_, k) => k % (4 * H) === j);
        const [w, dw] = [column(generated.parameters[name]), column(gradients[name])];
        const product = w.reduce((sum, value, k) => sum + value * dw[k], 0);
        const size = Math.hypot(...w) * Math.hypot(...dw);
        if (!(Math.abs(product) <= 1e-12 * size)) expect.fail(`${name} ${j}: ${product}`);
      }
  });

  it('one row: gradients of w, gamma, x and h0 are exactly 0', () => {
    const generated = generate(random(12), { ...sizes, B: 1 });
    const { wx, wh, gammaX, gammaH, gammaC, x, h0Rows } = gradientsOf(generated);
    for (const gradient of [wx, wh, gammaX, gammaH, gammaC, x, h0Rows])
      expect(gradient?.every((value) => value === 0)).toBe(true);
  });

  it('the carried c is not normalised', () => {
    const generated = generate(random(13), { ...sizes, T: 1 });
    const out = run(generated);
    const gammaC = new Float64Array(H).fill(2);
    const changed = run({ ...generated, parameters: { ...generated.parameters, gammaC } });
    expect(changed.c).toEqual(out.c);
    expect(changed.y).not.toEqual(out.y);
  });
});

describe('zoneout', () => {
  const generated = generate(random(14), { ...sizes, lengths });
  const mask = (value: number) => ({ mask: new Float64Array(T * B * H).fill(value) });
  const using = (options: Partial<BnLstmOptions>) =>
    run({ ...generated, options: { ...generated.options, ...options } });

  it('a mask of 0 and a rate of 0 change nothing; 1 keeps the initial states', () => {
    const { y } = run(generated);
    expect(using({ zoneoutC: mask(0), zoneoutH: mask(0) }).y).toEqual(y);
    expect(using({ zoneoutC: { rate: 0 }, zoneoutH: { rate: 0 } }).y).toEqual(y);
    expect(using({ zoneoutC: mask(1) }).cT).toEqual(generated.c0);
    expect(using({ zoneoutH: mask(1) }).hT).toEqual(generated.h0);
    expect(using({ zoneoutH: { rate: 1 } }).hT).toEqual(generated.h0);
  });

  it('masks are by step, not by position: the first step of a reversed row uses mask[0]', () => {
    const first = mask(0);
    first.mask.fill(1, 0, B * H);
    const out = using({ zoneoutH: first, reverse: true });
    // Row 1 has two steps: its first one reads position 1, and keeps h0 there.
    expect(row(out.y, 1, H).slice(H, 2 * H)).toEqual(row(generated.h0, 1, H));
  });

  it('the cell statistics are of the c that zoneout leaves', () => {
    const options = { ...sizes, zoneoutC: mask(1) };
    const { statistics } = run({
      ...generate(random(15), options),
      c0: new Float64Array(H).fill(3),
    });
    expect(statistics.cellMean).toEqual(new Float64Array(T * H).fill(3));
    expect(statistics.cellVar).toEqual(new Float64Array(T * H));
  });
});

describe("norm: 'none'", () => {
  it('is the LSTM written out for one unit', () => {
    const options: BnLstmOptions = { T: 3, B: 1, D: 1, H: 1, norm: 'none' };
    const { parameters, x, h0, c0 } = generate(random(16), options);
    const { wx, wh, b, betaC } = parameters;
    const sigmoid = (p: number) => 1 / (1 + Math.exp(-p));
    let [h, c] = [h0[0], c0[0]];
    for (const input of x) {
      const [f, i, o, g] = [0, 1, 2, 3].map((gate) => h * wh[gate] + input * wx[gate] + b[gate]);
      c = sigmoid(f) * c + sigmoid(i) * Math.tanh(g);
      h = sigmoid(o) * Math.tanh(c + (betaC?.[0] ?? 0));
    }
    const out = forward(parameters, x, h0, c0, options);
    close(out.hT, [h], 1e-15);
    close(out.cT, [c], 1e-15);
    expect(out.statistics.recurrentMean).toHaveLength(0);
  });

  it('needs no betaC and no gammas; normalisation does', () => {
    const { parameters, x, h0, c0 } = generate(random(17), sizes);
    const { wx, wh, b } = parameters;
    const options: BnLstmOptions = { ...sizes, norm: 'none' };
    const absent = forward({ wx, wh, b }, x, h0, c0, options);
    const betaC = new Float64Array(H);
    expect(absent.y).toEqual(forward({ ...parameters, betaC }, x, h0, c0, options).y);
    expect(() => forward({ wx, wh, b }, x, h0, c0, sizes)).toThrow('needs gammaX');
  });
});
