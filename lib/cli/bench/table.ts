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
/** Where words end and numbers begin. */
const firstNumber = 5;

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i < firstNumber ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
    .join('')
    .trimEnd();
}

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
