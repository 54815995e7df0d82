import type { Norm } from '../workloads.js';
import type { GpuDType, GpuPass, Shape } from './settings.js';

/**
 * Constants of an NVIDIA H100 SXM, as published or measured by others; nothing of it was measured
 * with this package. On another GPU the estimate is a yardstick and no more.
 */
const gpu = {
  /** Seconds from one kernel to the next in a CUDA graph. */
  launch: 1.3e-6,
  /** Seconds of a fused kernel beside its memory traffic: statistics, gates, cell. */
  kernel: 1.1e-6,
  /** More of it backward: two more sums for each normalisation. */
  backwardKernel: 0.3e-6,
  /** Bytes per second, as they are reached. */
  memory: 2.8e12,
  cache: 5.5e12,
  /** FLOP/s of large matrix products: 60 % of the peak. */
  products: { f32: 40e12, tf32: 300e12, bf16: 600e12, f16: 600e12 },
} as const;

/** Bytes per (t, b, h) that the fused kernel moves with values of two bytes; twice that with f32. */
const elementBytes = {
  batch: { forward: 24, backward: 48 },
  none: { forward: 14, backward: 24 },
} as const;

/** Seconds of the product of a step, [batch][hidden] by [hidden][4 hidden] or the reverse. */
function stepProduct({ hidden, batch }: Shape, dtype: GpuDType): number {
  const latency = 1.6e-6 + 0.7e-6 * (hidden / 1024); // a lone wave of blocks, longer sums
  const weights = (4 * hidden * hidden * bytesOf(dtype)) / gpu.cache;
  const arithmetic = (2 * batch * 4 * hidden * hidden) / gpu.products[dtype];
  return Math.max(latency, weights, arithmetic);
}

const bytesOf = (dtype: GpuDType) => (dtype === 'f32' || dtype === 'tf32' ? 4 : 2);

/**
 * An estimate, in milliseconds, of one pass of one layer by the plan that serves any shape: for each
 * step a launch and a matrix product, then a launch and a fused kernel; beside the steps the large
 * products, x Wx forward and dx, dWx and dWh backward. It is a model of latencies and of what is
 * moved, compared with no measurement yet, not a bound: a kernel that keeps its weights on the chip for
 * all steps needs no launches and goes below it. cuDNN's times are set against that of the plain
 * LSTM.
 */
export function estimateMs(
  shape: Shape,
  { norm, dtype, pass }: { norm: Norm; dtype: GpuDType; pass: GpuPass },
): number {
  const { hidden, batch, steps, features } = shape;
  const moved = (bytes: number) => (batch * hidden * bytes * (bytesOf(dtype) / 2)) / gpu.memory;
  const large = (width: number) => (2 * batch * 4 * hidden * width) / gpu.products[dtype];
  const launches = 2 * gpu.launch;
  const product = stepProduct(shape, dtype);
  const { forward, backward } = elementBytes[norm];
  const ahead = launches + product + gpu.kernel + moved(forward) + large(features);
  const back =
    launches +
    product +
    gpu.kernel +
    gpu.backwardKernel +
    moved(backward) +
    large(2 * features + hidden);
  return 1e3 * steps * (pass === 'train' ? ahead + back : ahead);
}
