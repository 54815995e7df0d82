import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration, percent, significant } from '../../lib/report/client/format.js';
import { rowAt, smooth, spans, strictly } from '../../lib/report/client/series.js';
import { rowPlaces, thin } from '../../lib/report/thin.js';

const values = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((x) => x + 0) },
    { weight: 1, arbitrary: fc.constant(Number.NaN) },
  ),
  { minLength: 1, maxLength: 300 },
);

describe('thinning', () => {
  it('loses no peak, in any run of buckets', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (all, buckets) => {
        const { raw, mean, gaps } = thin(all, buckets);
        const places = rowPlaces(all.length, buckets);
        expect(raw).toHaveLength(places.length);
        expect(gaps.length > 0).toBe(all.some(Number.isNaN));
        if (mean === undefined) {
          expect(raw).toEqual(all);
          expect(all.length).toBeLessThanOrEqual(2 * buckets);
          return;
        }
        expect(mean).toHaveLength(buckets);
        for (let bucket = 0; bucket < buckets; bucket++) {
          const [from, to] = [places[2 * bucket], places[2 * bucket + 1]];
          expect(from).toBe(bucket === 0 ? 0 : places[2 * bucket - 1] + 1);
          const own = all.slice(from, to + 1);
          const present = own.filter((value) => !Number.isNaN(value));
          const pair = raw.slice(2 * bucket, 2 * bucket + 2);
          if (present.length === 0) {
            expect(pair).toEqual([Number.NaN, Number.NaN]);
            continue;
          }
          const [least, greatest] = [Math.min(...present), Math.max(...present)];
          expect([...pair].sort((a, b) => a - b)).toEqual([least, greatest]);
          expect(own.indexOf(pair[0])).toBeLessThanOrEqual(own.lastIndexOf(pair[1]));
          const exact = present.reduce((sum, value) => sum + value, 0) / present.length;
          expect(mean[bucket]).toBeCloseTo(exact, 6);
        }
        expect(places.at(-1)).toBe(all.length - 1);
      }),
    );
  });
});

describe('smoothing', () => {
  const methods = ['exponential', 'running'] as const;

  it.each(methods)('(%s) keeps a constant, and the length of gaps', (method) => {
    const flat = smooth([1, 2, 3, 4, 5], [2, 2, null, 2, 2], 3, method);
    expect(flat[2]).toBeNull();
    for (const i of [0, 1, 3, 4]) expect(flat[i]).toBeCloseTo(2, 12);
  });

  it.each(methods)('(%s) is nothing over one step', (method) => {
    expect(smooth([1, 2, 3], [5, null, 7], 1, method)).toEqual([5, null, 7]);
  });

  it.each(methods)('(%s) counts steps, not values', (method) => {
    // Means over four steps each stand for the four values.
    const each = Array.from({ length: 40 }, (_, i) => Math.floor(i / 4) % 3);
    const single = smooth(
      each.map((_, i) => i + 1),
      each,
      8,
      method,
    );
    const steps = Array.from({ length: 10 }, (_, i) => 4 * (i + 1));
    const grouped = smooth(
      steps,
      steps.map((step) => each[step - 1]),
      8,
      method,
    );
    for (const [i, step] of steps.entries()) expect(grouped[i]).toBeCloseTo(single[step - 1]!, 10);
  });

  it('means over the last steps alone, without errors of huge ones before', () => {
    const steps = [1, 2, 3, 4, 5, 6];
    expect(smooth(steps, [1e300, 1, 2, 3, 4, 5], 2, 'running').slice(2)).toEqual([
      1.5, 2.5, 3.5, 4.5,
    ]);
  });

  it('weighs exponentially with the mean age of equal weights', () => {
    const span = 5; // decay 2/3
    const impulse = Array.from({ length: 200 }, (_, i) => (i === 100 ? 1 : 0));
    const answer = smooth(
      impulse.map((_, i) => i + 1),
      impulse,
      span,
      'exponential',
    );
    const age = answer.reduce<number>((sum, value, i) => sum + value! * (i - 100), 0);
    expect(age).toBeCloseTo((span - 1) / 2, 6);
  });

  it('offers spans up to a fifth of the run', () => {
    expect(spans(1)).toEqual([1]);
    expect(spans(250)).toEqual([1, 2, 5, 10, 20, 50]);
  });
});

describe('places', () => {
  it('grow strictly', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true })), (places) => {
        places.sort((a, b) => a - b);
        const moved = strictly([...places, ...places.slice(-1), ...places.slice(-1)]);
        for (let i = 1; i < moved.length; i++) expect(moved[i]).toBeGreaterThan(moved[i - 1]);
        for (const [i, place] of places.entries()) expect(moved[i]).toBeCloseTo(place, 5);
      }),
    );
  });

  it('are found', () => {
    expect([0, 1, 1.5, 3, 9].map((place) => rowAt([1, 2, 3], place))).toEqual([0, 0, 0, 2, 2]);
  });
});

it('shows numbers', () => {
  const numbers = [0.08788, 2.3456, 1234.5, 0, 1e-7, 2.5e12, -0.5, Number.NaN, 'x'];
  expect(numbers.map(significant)).toEqual([
    '0.08788',
    '2.346',
    '1,235',
    '0',
    '1.00e-7',
    '2.50e12',
    '-0.5000',
    '–',
    '–',
  ]);
  expect([0.98765, null].map(percent)).toEqual(['98.77 %', '–']);
  expect([0.25, 59.7, 61, 3725, 200_000, -1].map(duration)).toEqual([
    '0.25 s',
    '1 min 00 s',
    '1 min 01 s',
    '1 h 02 min',
    '2 d 07 h',
    '–',
  ]);
});
