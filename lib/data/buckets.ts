import { hostStream, Philox } from '../random.js';
import type { Selection } from './batch_options.js';
import type { BatchOptions } from './source.js';

/**
 * Batches of sequences of similar length: the sequences of every `pool` batches, which are there by
 * chance, are sorted by length and cut again; then the batches are shuffled, but for a last one of
 * another size, which stays the last. A pure function of seed and epoch.
 * @param cuts of one order, which is changed
 */
export function bucketed(
  cuts: readonly Selection[],
  lengths: Int32Array,
  pool: number,
  { seed, epoch }: NonNullable<BatchOptions['shuffle']>,
): Selection[] {
  for (let first = 0; first < cuts.length; first += pool) {
    const { order, from } = cuts[first];
    const { to } = cuts[Math.min(first + pool, cuts.length) - 1];
    // An Array's sort is stable by the standard: equal lengths stay in the order of chance.
    const sorted = [...order.subarray(from, to)].sort((a, b) => lengths[a] - lengths[b]);
    order.set(sorted, from);
  }
  const size = ({ from, to }: Selection) => to - from;
  const odd = cuts.length > 1 && size(cuts[cuts.length - 1]) !== size(cuts[0]) ? 1 : 0;
  const order = new Philox(seed, hostStream.bucketOrder, epoch).permutation(cuts.length - odd);
  return [...Array.from(order, (index) => cuts[index]), ...cuts.slice(cuts.length - odd)];
}
