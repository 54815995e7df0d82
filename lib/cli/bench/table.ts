import type { BenchRow } from './rows.js';

const titles = [
  'workload',
  'norm',
  'dtype',
  'pass',
  'isa',
  'threads',
  'ms',
  'least',
  'most',
  'floor',
];
const widths = [13, 7, 6, 11, 14, 9, 11, 11, 11, 11];
/** Where words end and numbers begin, in every table of a benchmark. */
const firstNumber = 5;

/** A line of cells: words to the left of their columns, numbers to the right. */
export function tableRow(cells: readonly string[], columns: readonly number[]): string {
  return cells
    .map((cell, i) => (i < firstNumber ? cell.padEnd(columns[i]) : cell.padStart(columns[i])))
    .join('')
    .trimEnd();
}

const line = (cells: readonly string[]) => tableRow(cells, widths);

/** Three digits or more, and no more than the measurement is worth. */
export function formatMs(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(ms >= 1 ? 2 : 3);
}

export const header = line(titles);

export function tableLine(row: BenchRow): string {
  const { workload, norm, dtype, pass, isa, threads, msMedian, msMin, msMax, floorMs } = row;
  const times = [msMedian, msMin, msMax, floorMs].map(formatMs);
  return line([workload, norm, dtype, pass, isa, `${threads}`, ...times]);
}
