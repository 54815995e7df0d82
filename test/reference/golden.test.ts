import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { backward, forward } from '../../lib/reference/bn_lstm.js';
import {
  type BnLstmGradients,
  type Statistics,
  statisticNames,
} from '../../lib/reference/contract.js';
import { linear, linearBackward, softmaxCrossEntropy } from '../../lib/reference/heads.js';
import { adamStep, clipByGlobalNorm, rmspropStep } from '../../lib/reference/optimizers.js';
import {
  averageStatistics,
  initialStatistics,
  movingAverage,
  repeatLast,
} from '../../lib/reference/statistics.js';
import { relativeError } from './compare.js';
import { type GoldenCase, parseGolden } from './golden.js';

type Check = [tensor: string, actual: ArrayLike<number>, expected: ArrayLike<number>];

function statisticsChecks(prefix: string, actual: Statistics, expected: Statistics): Check[] {
  return statisticNames.map((name) => [`${prefix}.${name}`, actual[name], expected[name]]);
}

function gradientChecks(
  actual: BnLstmGradients & Record<string, Float64Array | undefined>,
  expected: Record<string, Float64Array>,
): Check[] {
  return Object.entries(expected).map(([name, tensor]) => [
    `d${name}`,
    actual[name] ?? new Float64Array(0),
    tensor,
  ]);
}

const dot = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, k) => sum + value * b[k], 0);

/** Every tensor of a case, as computed here and as in the file. */
function checks(golden: GoldenCase): Check[] {
  if (golden.kind === 'step') {
    const { parameters, x, h0, c0, dy, dcT, options, expected } = golden;
    const out = forward(parameters, x, h0, c0, options);
    const gradients = backward(parameters, out, dcT ? { dy, dcT } : { dy });
    const loss = dot(out.y, dy) + (dcT ? dot(out.cT, dcT) : 0);
    const used = repeatLast(out.statistics, options.H, options.T);
    return [
      ['y', out.y, expected.y],
      ['c', out.c, expected.c],
      ['loss', [loss], [expected.loss]],
      ...statisticsChecks('statistics', used, expected.statistics),
      ...gradientChecks({ ...gradients }, expected.gradients),
    ];
  }
  if (golden.kind === 'statistics') {
    const { batches, H, decay, expected } = golden;
    const all = statisticsChecks('average', averageStatistics(batches, H), expected.average);
    if (decay === undefined || !expected.movingAverage) return all;
    const steps = batches[0].cellMean.length / H;
    const initial = initialStatistics(steps, H, batches[0].inputMean.length / (4 * H));
    const moving = batches.reduce((old, batch) => movingAverage(old, batch, decay), initial);
    return [...all, ...statisticsChecks('movingAverage', moving, expected.movingAverage)];
  }
  if (golden.kind === 'languageModel') {
    const { parameters, tokens, targets, wy, by, options, expected } = golden;
    const zero = new Float64Array(options.H);
    const out = forward(parameters, tokens, zero, zero, options);
    const { loss, gradient } = softmaxCrossEntropy(linear(out.y, wy, by), targets);
    const head = linearBackward(out.y, wy, gradient, by.length);
    const gradients = backward(parameters, out, { dy: head.x });
    return [
      ['loss', [loss], [expected.loss]],
      ['bitsPerCharacter', [loss / Math.LN2], [expected.bitsPerCharacter]],
      ...gradientChecks({ ...gradients, wy: head.w, by: head.b }, expected.gradients),
    ];
  }
  const { gradients, threshold, rmsprop, adam, expected } = golden;
  let meanSquare = new Float64Array(gradients[0].length);
  let state = { m: meanSquare, v: meanSquare };
  return gradients.flatMap((gradient, k): Check[] => {
    const clipped = clipByGlobalNorm([gradient], threshold);
    const first = rmspropStep(clipped.gradients[0], meanSquare, rmsprop);
    const second = adamStep(clipped.gradients[0], state, k + 1, adam);
    meanSquare = first.meanSquare;
    state = second;
    return [
      [`norm ${k}`, [clipped.norm], [expected.norms[k]]],
      [`rmsprop ${k}`, first.step, expected.rmspropSteps[k]],
      [`adam ${k}`, second.step, expected.adamSteps[k]],
    ];
  });
}

/**
 * Where exact cancellation leaves only rounding, the file itself is no better than this; checked
 * against the same equations in 60 digits. Everything else: 1e-12.
 *
 * constant_prefix: the gradients at x are 3e6, and these are sums over rows that cancel to O(1).
 *   Deviation from the 60 digits, file / here: dWx 1.4e-9 / 0.9e-9, db 2.0e-12 / 6.1e-12,
 *   dbeta_c 1.5e-12 / 0.6e-12.
 * lm_onehot: equal rows of h_0 have zero variance, so dh_0 is exactly 0 (docs/paper.md §1.3); the file
 *   holds the rounding of its own sums, up to 1.1e-16.
 */
const exceptions: Record<string, { tolerance: number; exactly?: 0 }> = {
  'constant_prefix dwx': { tolerance: 1e-8 },
  'constant_prefix db': { tolerance: 3e-11 },
  'constant_prefix dbetaC': { tolerance: 1e-11 },
  'lm_onehot dh0': { tolerance: 1e-12, exactly: 0 },
};

const document = JSON.parse(readFileSync(new URL('../golden.json', import.meta.url), 'utf8'));
const cases = parseGolden(document);

describe('golden cases', () => {
  it('are all there', () => {
    expect(cases).toHaveLength(16);
  });

  it.each(cases.map((golden) => [golden.name, golden] as const))('%s', (name, golden) => {
    const all = checks(golden);
    expect(all.length).toBeGreaterThan(0);
    for (const [tensor, actual, expected] of all) {
      const { tolerance, exactly } = exceptions[`${name} ${tensor}`] ?? { tolerance: 1e-12 };
      const values = exactly === undefined ? expected : new Float64Array(expected.length);
      const error = relativeError(actual, values);
      if (!(error <= tolerance)) expect.fail(`${tensor}: relative error ${error}`);
    }
  });
});

describe('parseGolden', () => {
  /** The document with one case, edited. */
  const edited = (name: string, edit: (golden: { input: Record<string, unknown> }) => void) => {
    const copy = structuredClone(document);
    copy.cases = copy.cases.filter((golden: { name: string }) => golden.name === name);
    edit(copy.cases[0]);
    return () => parseGolden(copy);
  };

  it('turns masks into lengths', () => {
    const golden = cases.find(({ name }) => name === 'mask_valid');
    expect(golden).toMatchObject({ options: { lengthStatistics: 'valid' } });
    expect(golden).toMatchObject({ options: { lengths: Int32Array.of(6, 3, 2, 4, 1) } });
  });

  it('refuses what it cannot express or does not know', () => {
    const mask = (golden: { input: Record<string, unknown> }) => golden.input.mask as number[][];
    expect(() => parseGolden({ ...document, format: 'other' })).toThrow('unknown golden format');
    expect(edited('mask_all', (golden) => (mask(golden)[0][1] = 0))).toThrow(
      'mask_all: the mask of row 1 is not a prefix',
    );
    expect(edited('mask_all', (golden) => (mask(golden)[0][1] = 0.5))).toThrow('mask[0][1] is 0.5');
    expect(edited('infer', (golden) => (golden.input.h0 = [[1, 2]]))).toThrow('has shape [1,2]');
    expect(edited('infer', (golden) => (golden.input.params = {}))).toThrow('wx is missing');
    expect(edited('infer', (golden) => Object.assign(golden, { gate_order: 'ifog' }))).toThrow(
      'gate order',
    );
  });
});
