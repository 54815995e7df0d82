import type { PixelOrder } from '../../data/mnist.js';

/**
 * Validation accuracy by iteration, read off the curves of the paper's figure on MNIST. It was
 * measured with batch statistics, with the noise on h0 in place, on one run each. The columns of
 * permuted MNIST are those of the authors' index vector.
 */
const curves = [
  { iteration: 1_000, lstm: 0.111, bnLstm: 0.757, permutedLstm: 0.477, permutedBnLstm: 0.656 },
  { iteration: 5_000, lstm: 0.293, bnLstm: 0.914, permutedLstm: 0.654, permutedBnLstm: 0.847 },
  { iteration: 10_000, lstm: 0.146, bnLstm: 0.957, permutedLstm: 0.776, permutedBnLstm: 0.894 },
  { iteration: 20_000, lstm: 0.429, bnLstm: 0.979, permutedLstm: 0.868, permutedBnLstm: 0.921 },
  { iteration: 50_000, lstm: 0.977, bnLstm: 0.984, permutedLstm: 0.9, permutedBnLstm: 0.937 },
  { iteration: 100_000, lstm: 0.988, bnLstm: 0.989, permutedLstm: 0.902, permutedBnLstm: 0.944 },
] as const;

export interface PaperRow {
  /** Of the paper's row. */
  readonly iteration: number;
  readonly bnLstm: number;
  readonly lstm: number;
  /** Which row it is, in words. */
  readonly label: string;
}

/** The paper's row at or below an iteration; before its first row, that one, and labelled so. */
export function paperAt(order: PixelOrder, iteration: number): PaperRow {
  const row = curves.findLast((candidate) => candidate.iteration <= iteration) ?? curves[0];
  const at = `at iteration ${row.iteration.toLocaleString('en')}`;
  const label = iteration < row.iteration ? `${at}, its first point` : at;
  const values =
    order === 'scanline'
      ? { bnLstm: row.bnLstm, lstm: row.lstm }
      : { bnLstm: row.permutedBnLstm, lstm: row.permutedLstm };
  return { iteration: row.iteration, ...values, label };
}
