// The shapes that are measured. The table is JSON because the benchmarks of other libraries
// (bench/speed) read it too: one list, so that nobody measures other shapes by mistake.
import { createRequire } from 'node:module';
import type { BnLstmPlan } from '../../ops/bn_lstm.js';

export const passes = ['forward', 'train', 'inference'] as const;

/**
 * `forward`: training mode, with everything saved that a backward pass needs. `train`: that and the
 * gradients of all parameters. `inference`: population statistics, nothing saved.
 */
export type Pass = (typeof passes)[number];

export const norms = ['batch', 'none'] as const;
/** 'batch' is the BN-LSTM, 'none' the plain LSTM. */
export type Norm = (typeof norms)[number];

export const dtypes = ['f32', 'bf16'] as const;
export type BenchDType = (typeof dtypes)[number];

/** One layer, one direction. */
export interface Workload {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  /** Reals per step; or `vocabulary` instead: the input is a token, a one-hot vector. */
  readonly features?: number;
  readonly vocabulary?: number;
  /** The passes for which it is meant. */
  readonly passes: readonly Pass[];
  /** Measured only by name. */
  readonly extra?: boolean;
}

export const workloads = createRequire(import.meta.url)('./workloads.json') as Readonly<
  Record<string, Workload>
>;

/** How a workload is computed. */
export interface Recipe {
  readonly norm: Norm;
  readonly dtype: BenchDType;
  readonly pass: Pass;
  /** Whether `train` gives the gradient of a dense x too. */
  readonly dx: boolean;
  /** Of a GPU. Default 'auto'. */
  readonly plan?: BnLstmPlan;
}

/** What one row measures. */
export interface Setting extends Recipe {
  readonly workload: string;
  /** As `stream.device` names it. */
  readonly device: string;
  readonly threads: number;
}
