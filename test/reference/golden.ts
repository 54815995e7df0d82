/**
 * Files of the format "bnlstm-golden-1" as typed cases, in the contract's names and
 * layout. Nothing here depends on the sizes of a particular file.
 */
import { readFileSync } from 'node:fs';
import type { BnLstmOptions, BnLstmParameters, Statistics } from '../../lib/reference/contract.js';
import {
  flatten,
  gradientShapes,
  type Json,
  type JsonObject,
  lengthsOfMask,
  object,
  parameters,
  statistics,
  tensors,
} from './golden_tensors.js';

interface Case {
  name: string;
  note: string;
}

/** Under the names of BnLstmGradients; those that are in the file. */
type Tensors = Record<string, Float64Array>;

/** One forward and backward pass; the loss is Σ y·dy + Σ cT·dcT. */
export interface StepCase extends Case {
  kind: 'step';
  parameters: BnLstmParameters;
  x: Float64Array;
  h0: Float64Array;
  c0: Float64Array;
  dy: Float64Array;
  dcT?: Float64Array;
  options: BnLstmOptions;
  expected: {
    y: Float64Array;
    c: Float64Array;
    loss: number;
    statistics: Statistics;
    gradients: Tensors;
  };
}

/** Population statistics of some batches: equal weight, and perhaps a moving average. */
export interface StatisticsCase extends Case {
  kind: 'statistics';
  H: number;
  batches: Statistics[];
  /** decay = 1 − the file's alpha */
  decay?: number;
  expected: { average: Statistics; movingAverage?: Statistics };
}

/** Tokens through one layer from zero states into softmax; targets are the following tokens. */
export interface LanguageModelCase extends Case {
  kind: 'languageModel';
  parameters: BnLstmParameters;
  /** [T][B] */ tokens: Int32Array;
  /** [T][B] */ targets: Int32Array;
  wy: Float64Array;
  by: Float64Array;
  options: BnLstmOptions;
  expected: { loss: number; bitsPerCharacter: number; gradients: Tensors };
}

/** Successive gradients of one parameter, clipped, through Blocks RMSProp and Blocks Adam. */
export interface OptimizerCase extends Case {
  kind: 'optimizer';
  threshold: number;
  rmsprop: { learningRate: number; decay: number };
  adam: { learningRate: number };
  gradients: Float64Array[];
  expected: { norms: Float64Array; rmspropSteps: Float64Array[]; adamSteps: Float64Array[] };
}

export type GoldenCase = StepCase | StatisticsCase | LanguageModelCase | OptimizerCase;

export function readGolden(file: string | URL): GoldenCase[] {
  return parseGolden(JSON.parse(readFileSync(file, 'utf8')));
}

export function parseGolden(document: Json): GoldenCase[] {
  const { format, default_eps, cases } = object(document);
  if (format !== 'bnlstm-golden-1') throw new Error(`unknown golden format: ${String(format)}`);
  return (cases as Json[]).map((item) => {
    const raw = object(item);
    try {
      return parseCase(raw, Number(default_eps));
    } catch (cause) {
      throw new Error(`golden case ${String(raw.name)}: ${(cause as Error).message}`, { cause });
    }
  });
}

function parseCase(raw: JsonObject, defaultEps: number): GoldenCase {
  const input = object(raw.input);
  const expect = object(raw.expect);
  const named = { name: String(raw.name), note: String(raw.note ?? '') };
  if ((raw.gate_order ?? 'fiog') !== 'fiog') throw new Error('the gate order is not fiog');
  const eps = Number(input.eps ?? defaultEps);
  if ('X' in input) return stepCase(named, sizes(raw, eps), input, expect);
  if ('tokens' in input) return languageModelCase(named, sizes(raw, eps), input, expect);
  if ('batch1' in input) return statisticsCase(named, input, expect);
  if ('grads' in input) return optimizerCase(named, input, expect);
  throw new Error('of no known kind');
}

function sizes(raw: JsonObject, eps: number): BnLstmOptions {
  const { T, N, D, H } = raw;
  for (const size of [T, N, D, H])
    if (!(Number.isInteger(size) && Number(size) > 0)) throw new Error('T, N, D, H: not sizes');
  return { T: Number(T), B: Number(N), D: Number(D), H: Number(H), eps };
}

function stepCase(
  named: Case,
  options: BnLstmOptions,
  input: JsonObject,
  expect: JsonObject,
): StepCase {
  const { T, B, D, H } = options;
  if (input.mode === 'infer') {
    options.statistics = 'population';
    options.population = statistics(input.pop, H);
  }
  if (input.mask) {
    options.lengths = lengthsOfMask(input.mask, T, B);
    options.lengthStatistics = input.stats === 'valid' ? 'valid' : 'all';
  }
  if (input.input_norm === 'sequence') options.inputStatistics = 'sequence';
  return {
    kind: 'step',
    ...named,
    parameters: parameters(input.params, options),
    x: flatten(input.X, [T, B, D]),
    h0: flatten(input.h0, [B, H], [H]),
    c0: flatten(input.c0, [B, H], [H]),
    dy: flatten(input.dh, [T, B, H]),
    ...(input.dc_last ? { dcT: flatten(input.dc_last, [B, H]) } : {}),
    options,
    expected: {
      y: flatten(expect.h, [T, B, H]),
      c: flatten(expect.c, [T, B, H]),
      loss: Number(expect.loss),
      statistics: statistics(expect.stats, H),
      gradients: tensors(expect.grads, gradientShapes(options)),
    },
  };
}

function languageModelCase(
  named: Case,
  options: BnLstmOptions,
  input: JsonObject,
  expect: JsonObject,
): LanguageModelCase {
  const { T, B, D, H } = options;
  const tokens = Int32Array.from(flatten(input.tokens, [T + 1, B]));
  return {
    kind: 'languageModel',
    ...named,
    parameters: parameters(input.params, options),
    tokens: tokens.slice(0, T * B),
    targets: tokens.slice(B),
    wy: flatten(input.Wy, [H, D]),
    by: flatten(input.by, [D]),
    options,
    expected: {
      loss: Number(expect.loss),
      bitsPerCharacter: Number(expect.bpc),
      gradients: tensors(expect.grads, {
        ...gradientShapes(options),
        Wy: ['wy', [H, D]],
        by: ['by', [D]],
      }),
    },
  };
}

function statisticsCase(named: Case, input: JsonObject, expect: JsonObject): StatisticsCase {
  const batches = Object.keys(input).filter((key) => /^batch\d+$/.test(key));
  const H = flatten((object(input.batch1).c_mean as Json[])[0]).length;
  return {
    kind: 'statistics',
    ...named,
    H,
    batches: batches.map((key) => statistics(input[key], H)),
    ...('alpha' in input ? { decay: 1 - Number(input.alpha) } : {}),
    expected: {
      average: statistics(expect.average, H),
      ...(expect.ema ? { movingAverage: statistics(expect.ema, H) } : {}),
    },
  };
}

function optimizerCase(named: Case, input: JsonObject, expect: JsonObject): OptimizerCase {
  const each = (json: Json) => (json as Json[]).map((item) => flatten(item));
  return {
    kind: 'optimizer',
    ...named,
    // The file gives these in the note only.
    threshold: 1,
    rmsprop: { learningRate: 1e-3, decay: 0.9 },
    adam: { learningRate: 2e-3 },
    gradients: each(input.grads),
    expected: {
      norms: flatten(expect.norms),
      rmspropSteps: each(expect.rmsprop_steps),
      adamSteps: each(expect.adam_steps),
    },
  };
}
