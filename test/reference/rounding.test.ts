// The reference with the roundings of bf16: how far they lead, and what they leave alone.
import { describe, expect, it } from 'vitest';
import { oracle } from '../../lib/model/bn_lstm_oracle.js';
import { backward, forward } from '../../lib/reference/bn_lstm.js';
import { toBf16 } from '../../lib/reference/rounding.js';
import { bf16Cases, inF32, plainFailures, roundedFailures } from '../numeric/bf16_cases.js';
import { generate } from './generate.js';
import { random } from './random.js';

describe('toBf16', () => {
  it('rounds to nearest, ties to even', () => {
    const ulp = 2 ** -7;
    for (const sign of [1, -1]) {
      expect(toBf16(sign * 1)).toBe(sign);
      expect(toBf16(sign * (1 + ulp / 2))).toBe(sign);
      expect(toBf16(sign * (1 + ulp * 0.501))).toBe(sign * (1 + ulp));
      expect(toBf16(sign * (1 + ulp * 1.5))).toBe(sign * (1 + 2 * ulp));
      expect(toBf16(sign * (2 - ulp / 4))).toBe(sign * 2);
    }
  });

  it('keeps zero, infinity and NaN, and makes infinity of what overflows', () => {
    expect(toBf16(0)).toBe(0);
    expect(toBf16(-0)).toBe(-0);
    expect(toBf16(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
    expect(toBf16(3.4e38)).toBe(Number.POSITIVE_INFINITY);
    expect(toBf16(Number.NaN)).toBeNaN();
  });
});

describe('the reference that rounds', () => {
  it.each(bf16Cases)('stays as near to full precision as bf16 should: %s', (_, given) => {
    const [rounded, plain] = [oracle(given), oracle(inF32(given))];
    expect(plainFailures(rounded, plain)).toEqual([]);
    for (const name of ['y', 'hT', 'dx']) {
      const values = rounded.get(name);
      if (values === undefined) continue;
      expect(values).toEqual(Float64Array.from(values, toBf16));
    }
  });

  it('is told from the one that does not, and from NaN', () => {
    const [, given] = bf16Cases.find(([name]) => name === 'two directions') ?? bf16Cases[0];
    const rounded = oracle(given);
    expect(roundedFailures(rounded, rounded)).toEqual([]);
    expect(roundedFailures(oracle(inF32(given)), rounded)).not.toEqual([]);
    const broken = new Map(rounded).set('dwx', Float64Array.of(Number.NaN));
    expect(roundedFailures(broken, rounded)).toHaveLength(1);
    expect(plainFailures(broken, rounded)).toHaveLength(1);
  });

  it.each(['batch', 'none'] as const)('gives the same with the identity, norm %s', (norm) => {
    const { parameters, x, h0, c0, options, upstream } = generate(random(1), {
      ...{ T: 4, B: 5, D: 3, H: 2, norm },
    });
    const run = (round?: (value: number) => number) => {
      const out = forward(parameters, x, h0, c0, { ...options, ...(round && { round }) });
      return { y: out.y, c: out.c, ...backward(parameters, out, upstream) };
    };
    expect(run((value) => value)).toEqual(run());
  });
});
