// Cases of bnLstm in bf16, and how far they may be off. test/reference holds the oracle to the same.
import { type BnLstmCase, type CaseResult, deviation } from '../../lib/model/bn_lstm_case.js';
import { type CaseShape, randomCase } from './random_case.js';

const lengths = [6, 1, 4, 6, 0, 5, 3, 6, 4, 3, 6, 2];
const eventful = { T: 6, B: 12, D: 4, H: 6, lengths };

const shapes: Record<string, CaseShape> = {
  plain: { T: 7, B: 9, D: 5, H: 6 },
  'B = 2': { T: 5, B: 2, D: 4, H: 5, options: { eps: 0.1 } },
  'B = 33, odd sizes': { T: 6, B: 33, D: 7, H: 11 },
  'B = 257': { T: 4, B: 257, D: 3, H: 10 },
  'D = 1': { T: 6, B: 17, D: 1, H: 8, options: { eps: 0.1 } },
  'H and D beyond a tile': { T: 12, B: 64, D: 35, H: 49 },
  tokens: { T: 6, B: 20, D: 9, H: 6, tokens: true },
  'learned initial state with noise': {
    ...{ T: 4, B: 10, D: 3, H: 5, attempt: 9 },
    options: { initialState: 'learned', noise: 0.3 },
  },
  'last step only': { T: 5, B: 10, D: 3, H: 5, upstream: ['dhT'] },
  'last cell only': { T: 5, B: 10, D: 3, H: 5, upstream: ['dcT'] },
  'sequence statistics': { T: 5, B: 10, D: 3, H: 5, options: { inputStatistics: 'sequence' } },
  'two directions': { T: 6, B: 12, D: 4, H: 6, options: { directions: 2 } },
  'zoneout, sampled': {
    ...{ T: 5, B: 16, D: 3, H: 6, attempt: 5 },
    options: { zoneout: 'sample', zoneoutC: 0.4, zoneoutH: 0.3 },
  },
  'zoneout, expected': { T: 5, B: 16, D: 3, H: 6, options: { zoneoutC: 0.4, zoneoutH: 0.3 } },
  'plain LSTM': { T: 6, B: 9, D: 5, H: 6, cellBias: true, options: { norm: 'none' } },
  'plain LSTM, B = 1': { T: 6, B: 1, D: 5, H: 6, options: { norm: 'none' } },
  'plain LSTM, lengths, two directions': {
    ...eventful,
    options: { norm: 'none', directions: 2 },
  },
  population: { T: 5, B: 9, D: 4, H: 6, population: 5 },
  'population, rows at different steps': {
    ...{ T: 5, B: 9, D: 4, H: 6, population: 6 },
    firstStep: [0, 1, 2, 3, 4, 5, 6, 100, 2],
  },
  'lengths, two directions': { ...eventful, options: { directions: 2 } },
  'lengths, all rows': { ...eventful, options: { directions: 2, lengthStatistics: 'all' } },
  'lengths, all rows, sequence statistics': {
    ...eventful,
    options: { directions: 2, lengthStatistics: 'all', inputStatistics: 'sequence' },
  },
  'lengths, tokens and zoneout': {
    ...{ ...eventful, tokens: true },
    // Few rows with few tokens: the variance of some steps is that of rounding.
    options: { zoneout: 'sample', zoneoutC: 0.2, zoneoutH: 0.2, eps: 0.1 },
  },
  '100 steps': { T: 100, B: 16, D: 3, H: 8, upstream: [], options: { eps: 1e-2 } },
};

export function inBf16(given: BnLstmCase): BnLstmCase {
  return { ...given, options: { ...given.options, dtype: 'bf16' } };
}

/** The same numbers, computed in full precision. */
export function inF32(given: BnLstmCase): BnLstmCase {
  return { ...given, options: { ...given.options, dtype: 'f32' } };
}

export const bf16Cases: readonly (readonly [name: string, given: BnLstmCase])[] = Object.entries(
  shapes,
).map(([name, shape]) => [name, inBf16(randomCase(shape))]);

const isGradient = (name: string) => name.startsWith('d');

/**
 * What errors of each tensor are measured by: its largest element, at least 1 if it is no gradient.
 * A gradient that is zero but for rounding is measured by the others.
 */
function scales(expected: CaseResult): (name: string) => number {
  const largest = new Map(
    [...expected].map(([name, want]) => [name, deviation(want, want).largest]),
  );
  const gradients = [...largest].filter(([name]) => isGradient(name));
  const ofAll = Math.max(0, ...gradients.map(([, most]) => most));
  return (name) => {
    const own = largest.get(name) ?? 0;
    if (!isGradient(name)) return Math.max(own, 1);
    return own > 1e-6 * ofAll ? own : ofAll;
  };
}

/**
 * Every tensor that is further from the oracle with the same roundings than sums in another order
 * explain: where one falls to the other side of a tie, a single h or dx is off by 2^-8 of itself,
 * and what follows a little; so the bound of a single element is loose, that of their mean square
 * close. NaN is further.
 */
export function roundedFailures(actual: CaseResult, expected: CaseResult): string[] {
  const found: string[] = [];
  const scaleOf = scales(expected);
  for (const [name, want] of expected) {
    const got = actual.get(name) ?? [];
    const { error } = deviation(got, want);
    const scale = scaleOf(name);
    let squares = 0;
    for (let k = 0; k < want.length; k++) squares += (got[k] - want[k]) ** 2;
    const meanSquare = Math.sqrt(squares / want.length);
    if (!(error <= 1e-2 * scale && meanSquare <= 2e-3 * scale)) {
      const shown = `${error.toExponential(2)}, ${meanSquare.toExponential(2)} in the mean square`;
      found.push(`${name}: off by ${shown}, of ${scale.toExponential(2)}`);
    }
  }
  return found;
}

/** Every tensor that is further from full precision than bf16 explains. NaN is further. */
export function plainFailures(actual: CaseResult, expected: CaseResult): string[] {
  const found: string[] = [];
  const scaleOf = scales(expected);
  for (const [name, want] of expected) {
    const got = actual.get(name) ?? [];
    const { error, largest } = deviation(got, want);
    const scale = scaleOf(name);
    const tolerance = isGradient(name) ? 3e-2 : name === 'y' || name === 'hT' ? 6e-3 : 1e-2;
    const limit = tolerance * scale;
    const parallel = isGradient(name) && scale === largest ? cosine(got, want) : 1;
    if (!(error <= limit && parallel >= 0.999)) {
      const shown = `${error.toExponential(2)}, allowed ${limit.toExponential(2)}`;
      found.push(`${name}: off by ${shown}, cosine ${parallel}`);
    }
  }
  return found;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = 0; k < b.length; k++) {
    ab += a[k] * b[k];
    aa += a[k] * a[k];
    bb += b[k] * b[k];
  }
  return ab / Math.sqrt(aa * bb);
}
