import { expect } from 'vitest';
import {
  type BnLstmCase,
  type CaseResult,
  deviation,
  runCase,
} from '../../lib/model/bn_lstm_case.js';
import { oracle } from '../../lib/model/bn_lstm_oracle.js';
import { type FloatType, type NativeStream, native } from '../../lib/native.js';
import { roundedFailures } from './bf16_cases.js';
import type { Way } from './plans.js';

/** Runs `body` with a stream of its own on the device. */
export async function withStream<T>(
  device: string,
  body: (stream: NativeStream) => Promise<T>,
  threads = 0,
  tf32 = false,
): Promise<T> {
  const stream = new (native().Stream)(device, { threads, tf32 });
  try {
    await poison(stream);
    return await body(stream);
  } finally {
    stream.dispose();
  }
}

/** Leaves NaN in the memory that programs share: no op may count on finding zeros there. */
async function poison(stream: NativeStream): Promise<void> {
  const arenaBytes = 1 << 20; // the whole of most cases
  const y = { dtype: 'f32', shape: [arenaBytes / 4], location: { arena: 0 } } as const;
  const fill = { name: 'fill', operands: { y }, options: { value: Number.NaN } };
  const program = stream.program({ ops: [fill], inputs: [], outputs: [], arenaBytes });
  await stream.submit(program, [], []);
  program.dispose();
}

export function runOn(
  device: string,
  given: BnLstmCase,
  threads = 0,
  tf32 = false,
): Promise<CaseResult> {
  return withStream(device, (stream) => runCase(stream, given), threads, tf32);
}

export interface Tolerance {
  /** Absolute, for y, c, h_T, c_T and the statistics (those also relative to their largest). */
  readonly forward: number;
  /** Relative to the largest element of each gradient. */
  readonly gradient: number;
  /** Below this a gradient's largest element counts as this: sums that cancel to nearly zero. */
  readonly gradientFloor?: number;
}

/** Of f32 against float64. */
export const usual: Tolerance = { forward: 3e-6, gradient: 1e-5, gradientFloor: 0.1 };

/** Every tensor of `actual` that is worse than the tolerance, in words; NaN is worse. */
export function failures(actual: CaseResult, expected: CaseResult, tolerance: Tolerance): string[] {
  const found: string[] = [];
  for (const [name, want] of expected) {
    const got = actual.get(name);
    const { error, largest } = deviation(got ?? [], want);
    const limit = name.startsWith('d')
      ? tolerance.gradient * Math.max(largest, tolerance.gradientFloor ?? 0)
      : tolerance.forward * Math.max(largest, 1);
    if (!(error <= limit)) {
      found.push(`${name}: off by ${error.toExponential(2)}, allowed ${limit.toExponential(2)}`);
    }
  }
  return found;
}

/** The names of tensors that are missing in one of the two, or have other bits there. */
export function differing(a: CaseResult, b: CaseResult): string[] {
  const bytes = (values?: Float32Array | Float64Array) =>
    values && Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => {
    const [one, other] = [bytes(a.get(name)), bytes(b.get(name))];
    return !(one && other?.equals(one));
  });
}

/** Whether kernels serve it that hold all weights, and divide a product by the size of the batch. */
export const isPersistent = ({ plan }: Way) => plan === 'persistent' || plan === 'overlapped';

/**
 * What differs where the same rows were computed in batches of different size: in any bit; on a GPU
 * by more than sums in another order explain. There cuBLAS may take another kernel for a product of
 * another size, and with it another order of the sum (the emulator's products have one order); and
 * the persistent kernels divide a product among their warps by its size.
 */
export function differingRows(way: Way, dtype: FloatType, a: CaseResult, b: CaseResult) {
  if (!way.device.startsWith('cuda') && !isPersistent(way)) return differing(a, b);
  const missing = [...a.keys()].filter((name) => !b.has(name));
  return [...missing, ...(dtype === 'f32' ? failures(a, b, usual) : roundedFailures(a, b))];
}

export async function expectOracle(
  device: string,
  given: BnLstmCase,
  tolerance: Tolerance,
): Promise<void> {
  expect(failures(await runOn(device, given), oracle(given), tolerance)).toEqual([]);
}
