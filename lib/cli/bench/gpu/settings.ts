// What `bench gpu` measures.
import type { cudnnAlgorithms } from '../../../native.js';
import type { BnLstmPlan } from '../../../ops/bn_lstm.js';
import type { Norm } from '../workloads.js';

/** One layer, one direction. */
export interface Shape {
  readonly hidden: number;
  readonly batch: number;
  readonly steps: number;
  /** Reals per step. */
  readonly features: number;
}

/**
 * The twelve of the default, as [hidden, batch]: the sizes that the plans differ at, one that has a
 * published time (768 and 16), and two that are no multiples of 128 (100 and 1000).
 */
const standard = [
  [100, 64],
  [128, 64],
  [256, 64],
  [512, 16],
  [512, 64],
  [512, 128],
  [768, 16],
  [1000, 64],
  [1024, 64],
  [1024, 128],
  [1024, 256],
  [2048, 64],
] as const;

export const defaultSteps = 128;

export const standardShapes: readonly Shape[] = standard.map(([hidden, batch]) => ({
  hidden,
  batch,
  steps: defaultSteps,
  features: hidden,
}));

/** `tf32`: f32 in memory, products of operands rounded to TF32. `f16` is cuDNN's alone. */
export const gpuDtypes = ['f32', 'tf32', 'bf16', 'f16'] as const;
export type GpuDType = (typeof gpuDtypes)[number];

export const gpuPasses = ['forward', 'train'] as const;
export type GpuPass = (typeof gpuPasses)[number];

/** A layer of this package. `device` as `stream.device` names it. */
export interface OwnSetting {
  readonly library: 'bnlstm';
  readonly device: string;
  readonly shape: Shape;
  readonly norm: Norm;
  readonly dtype: Exclude<GpuDType, 'f16'>;
  readonly pass: GpuPass;
  /** That is asked for. */
  readonly plan: BnLstmPlan;
}

/** cuDNN's plain LSTM; both passes are measured at once. */
export interface CudnnSetting {
  readonly library: 'cudnn';
  /** Number of the GPU. */
  readonly device: number;
  readonly shape: Shape;
  readonly algorithm: (typeof cudnnAlgorithms)[number];
  readonly dtype: GpuDType;
  readonly passes: readonly GpuPass[];
}
