/** The largest deviation, relative to the largest expected magnitude; absolute where that is 0. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let error = 0;
  let largest = 0;
  for (let k = 0; k < expected.length; k++) {
    const difference = Math.abs(actual[k] - expected[k]);
    // A NaN must survive: Math.max passes it on, a comparison would drop it.
    error = Math.max(error, difference);
    largest = Math.max(largest, Math.abs(expected[k]));
  }
  return error / (largest || 1);
}
