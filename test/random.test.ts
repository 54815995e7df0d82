import { describe, expect, it } from 'vitest';
import { hostStream, Philox, seedWords } from '../lib/random.js';

const many = (n: number, value: (index: number) => number) =>
  Array.from({ length: n }, (_, i) => value(i));
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

describe('Philox', () => {
  it.each([
    {
      counter: [0, 0, 0, 0],
      key: [0, 0],
      words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])('gives the known answer of Random123 at $counter', ({ counter, key, words }) => {
    const philox = new Philox({ low: key[0], high: key[1] }, counter[2], counter[3]);
    expect([...philox.words(counter[0], counter[1])]).toEqual(words);
  });

  // Printed by native/core/philox.h.
  const seed = 0x12345 * 2 ** 32 + 0x9abcdef0;
  const philox = new Philox(seed, hostStream.pixelOrder, 7);

  it.each([
    [0, [1906266429, 1385771683, 3919332208, 2903696230]],
    [5, [1453022178, 1806471247, 2708679289, 3132948385]],
    [0x1ffff * 2 ** 32 + 3, [3534418946, 1728507962, 275051720, 1207060]],
  ])('gives the words of the native generator at %i', (counter, words) => {
    expect([...philox.at(counter)]).toEqual(words);
  });

  it('gives the numbers of the native generator', () => {
    const asFloats = (...values: number[]) => values.map(Math.fround);
    expect(many(6, (i) => philox.uniform(i))).toEqual(
      asFloats(0.443837225, 0.322650075, 0.912540615, 0.676069438, 0.638894916, 0.626666069),
    );
    expect(many(6, (i) => philox.normal(i))).toEqual(
      asFloats(-0.561823726, -0.662296057, 2.78327155, 0.458432227, -1.72877407, -1.29283822),
    );
  });

  it('splits a seed into its two words', () => {
    expect(seedWords(seed)).toEqual({ low: 0x9abcdef0, high: 0x12345 });
    expect(seedWords(Number.MAX_SAFE_INTEGER)).toEqual({ low: 0xffffffff, high: 0x1fffff });
  });

  it('has the moments of its distributions', () => {
    const uniform = many(20_000, (i) => philox.uniform(i));
    const normal = many(20_000, (i) => philox.normal(i));
    expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal.map((v) => v * v)) - 1)).toBeLessThan(0.05);
  });

  it('draws integers below n, all of them about equally often', () => {
    const counts = new Array(7).fill(0);
    for (let i = 0; i < 14_000; i++) counts[philox.below(7, i)]++;
    expect(Math.min(...counts)).toBeGreaterThan(1800);
    expect(Math.max(...counts)).toBeLessThan(2200);
  });

  it('permutes: every number once, the same for the same seed, another for another', () => {
    const order = new Philox(1).permutation(784);
    expect([...order].sort((a, b) => a - b)).toEqual(many(784, (i) => i));
    expect(new Philox(1).permutation(784)).toEqual(order);
    expect(new Philox(2).permutation(784)).not.toEqual(order);
    expect(new Philox(1, 0, 1).permutation(784)).not.toEqual(order);
    expect([...new Philox(1).permutation(1)]).toEqual([0]);
    expect([...new Philox(1).permutation(0)]).toEqual([]);
  });

  it('permutes uniformly: each of 3! orders about equally often', () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 3000; seed++) {
      const order = new Philox(seed).permutation(3).join('');
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const times of seen.values()) expect(Math.abs(times - 500)).toBeLessThan(100);
  });
});
