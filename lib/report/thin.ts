/** A curve of fewer points that looks the same: no peak is lost. NaN is a value that is missing. */
export interface Thinned {
  /** The values, or the least and the greatest of each bucket in the order in which they came. */
  readonly raw: number[];
  /** Of buckets: the mean of each. */
  readonly mean?: number[];
  /** Rows of `raw` where values are missing. */
  readonly gaps: number[];
}

/** Whether so many values are to be put into buckets: each is to have two at least. */
export const needsBuckets = (count: number, buckets: number) => count > 2 * buckets;

/** The first value of a bucket. */
const begin = (bucket: number, count: number, buckets: number) =>
  Math.floor((bucket * count) / buckets);

/** Which values give the places of the rows: the first and the last one of each bucket. */
export function rowPlaces(count: number, buckets: number): number[] {
  if (!needsBuckets(count, buckets)) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: 2 * buckets }, (_, row) =>
    row % 2 === 0 ? begin(row / 2, count, buckets) : begin((row + 1) / 2, count, buckets) - 1,
  );
}

/** Thins a curve to two rows per bucket, all curves of one length alike. */
export function thin(values: readonly number[], buckets: number): Thinned {
  const count = values.length;
  if (!needsBuckets(count, buckets)) {
    return { raw: [...values], gaps: values.flatMap((x, i) => (Number.isNaN(x) ? [i] : [])) };
  }
  const raw: number[] = [];
  const mean: number[] = [];
  const gaps: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const end = begin(bucket + 1, count, buckets);
    let [least, greatest, sum, present] = [-1, -1, 0, 0];
    const first = begin(bucket, count, buckets);
    for (let i = first; i < end; i++) {
      if (Number.isNaN(values[i])) continue;
      if (least < 0 || values[i] < values[least]) least = i;
      if (greatest < 0 || values[i] > values[greatest]) greatest = i;
      sum += values[i];
      present++;
    }
    if (present < end - first) gaps.push(2 * bucket);
    mean.push(sum / present); // NaN without any
    raw.push(
      values[Math.min(least, greatest)] ?? Number.NaN,
      values[Math.max(least, greatest)] ?? Number.NaN,
    );
  }
  return { raw, mean, gaps };
}
