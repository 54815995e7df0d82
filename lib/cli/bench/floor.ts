import type { Pass, Setting, Workload } from './workloads.js';

/**
 * The time below which no kernel of this form goes on this machine: its matrix products at the
 * largest rate that was measured here (peak.ts), and its element-wise work, one after the other.
 *
 *     floor = FLOPs / rate + T B H ns / threads
 *
 * FLOPs, a multiply-add being two: with P = T B 4H, the forward pass has P H for h Wh and P D for
 * x Wx (none with tokens: a row of Wx is read). The backward pass has P H for dh and P H for dWh,
 * P D for dWx (none with tokens), and P D for dx if it is wanted.
 *
 * Element-wise nanoseconds per (t, b, h), one thread, f32. They are of kernels that do nothing else,
 * on AVX-512, and are not measured again on each machine: the share of the floor is small but for
 * W1. 'batch' is from a prototype of the fused step (an Intel server core with 2 MiB of L2; H = 100,
 * B = 64): gates and three normalisations in two passes 2.25; saving ten values more 0.7; reading
 * them back, backward of gates and normalisations 4.0. 'none' is the same without normalisations
 * (an AMD EPYC 9004 core): gates 1.3; saving six values 0.3; backward 1.4. Normalising with
 * population statistics is a multiply-add per value and counted as nothing.
 *
 * It is a yardstick, not a bound to be proved: with one row (W5-B1) weights are read as fast as
 * caches give them, which takes longer than the arithmetic.
 */
const elementNanoseconds = {
  batch: { forward: 2.25, save: 0.7, backward: 4.0 },
  none: { forward: 1.3, save: 0.3, backward: 1.4 },
} as const;

/** Floating-point operations of the matrix products of one run. */
export function matrixFlops(workload: Workload, pass: Pass, dx: boolean): number {
  const { steps, batch, hidden, features = 0 } = workload;
  const forward = hidden + features;
  const backward = 2 * hidden + (dx ? 2 : 1) * features;
  return 2 * steps * batch * 4 * hidden * (forward + (pass === 'train' ? backward : 0));
}

/** Milliseconds; `rate` in FLOP/s of all threads together. */
export function floor(
  workload: Workload,
  { norm, pass, threads, dx }: Pick<Setting, 'norm' | 'pass' | 'threads' | 'dx'>,
  rate: number,
): number {
  const { steps, batch, hidden } = workload;
  const { forward, save, backward } = elementNanoseconds[pass === 'inference' ? 'none' : norm];
  const perElement =
    forward + (pass === 'inference' ? 0 : save) + (pass === 'train' ? backward : 0);
  const elementWise = (steps * batch * hidden * perElement) / threads;
  return (1e3 * matrixFlops(workload, pass, dx)) / rate + 1e-6 * elementWise;
}
