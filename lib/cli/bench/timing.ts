/** Milliseconds of the repeats of one measurement. */
export interface Timing {
  readonly msMedian: number;
  readonly msMin: number;
  readonly msMax: number;
}

export interface TimingOptions {
  readonly repeats: number;
  /** No further repeat is begun after that; there is always one. */
  readonly seconds: number;
  /** What there is before the first measured run: caches, clock frequency, threads. Default 0.2. */
  readonly warmUpSeconds?: number;
}

/** Milliseconds of wall time. */
export async function wallTime(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** Warms up (one run at least), then measures runs one by one; each says its milliseconds. */
export async function measure(
  run: () => Promise<number>,
  { repeats, seconds, warmUpSeconds = 0.2 }: TimingOptions,
): Promise<Timing> {
  let warm = 0;
  do warm += await run();
  while (warm < 1000 * warmUpSeconds);
  const times: number[] = [];
  const started = performance.now();
  do times.push(await run());
  while (times.length < repeats && performance.now() - started < 1000 * seconds);
  return summary(times);
}

/** Median (of an even number: the mean of the two in the middle), least and largest. */
export function summary(times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return { msMedian: (low + high) / 2, msMin: sorted[0], msMax: sorted[sorted.length - 1] };
}
