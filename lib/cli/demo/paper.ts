import type { PixelOrder } from '../../data/mnist.js';
import { mnistCurves as curves } from '../paper/published.js';

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
