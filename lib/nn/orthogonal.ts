import type { NativeStream } from '../native.js';
import type { Philox } from '../random.js';

/**
 * Fills a row-major matrix with orthonormal rows (if it is wide) or columns (if it is tall), times
 * `scale`, uniformly distributed: a function of `random` alone. Drawn on the stream's own thread,
 * since it takes rows * columns * min(rows, columns) operations: more than a second for 2000 x 8000.
 */
export async function fillOrthogonal(
  stream: NativeStream,
  values: Float32Array,
  rows: number,
  columns: number,
  random: Philox,
  scale = 1,
): Promise<void> {
  const { key, stream: quantity, attempt } = random;
  const words = { seedLow: key.low, seedHigh: key.high, stream: quantity, attempt };
  await stream.orthogonal({ rows, columns, scale, ...words }, values);
}
