/** Which (step, row) pairs run, which take part in the statistics, and what each of them reads. */
import type { BnLstmOptions } from './contract.js';

export interface Rows {
  /** [T][B] 1 while step < lengths[n]: the cell updates h and c. */
  running: Uint8Array;
  /** [T][B] rows of the recurrent and cell normalisations. Every running row is among them. */
  state: Uint8Array;
  /** [T][B] rows of the input normalisation; x of any other row is never read. */
  input: Uint8Array;
  /**
   * The position in x and y of step s of row n. `reverse` turns the unpadded part only and leaves
   * the padding at the end (docs/paper.md §2, "reverse_realign"); the map is its own inverse.
   */
  position(s: number, n: number): number;
}

export function rowsOf(options: BnLstmOptions): Rows {
  const { T, B, lengths, lengthStatistics = 'valid', inputStatistics = 'step' } = options;
  const { norm = 'batch', statistics = 'batch' } = options;
  const length = (n: number) => (lengths ? lengths[n] : T);
  const running = new Uint8Array(T * B).map((_, k) => (Math.floor(k / B) < length(k % B) ? 1 : 0));
  const everyRow = new Uint8Array(T * B).fill(1);
  // Only batch statistics can need a finished row, and only in the authors' 'all' (docs/paper.md §1.5).
  const all = norm === 'batch' && statistics === 'batch' && lengthStatistics === 'all';
  return {
    running,
    state: all ? everyRow : running,
    input: all && inputStatistics === 'step' ? everyRow : running,
    position: (s, n) => (options.reverse && s < length(n) ? length(n) - 1 - s : s),
  };
}
