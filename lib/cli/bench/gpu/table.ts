import { formatMs, tableRow } from '../table.js';
import type { GpuRow } from './rows.js';

const titles = ['shape', 'model', 'by', 'dtype', 'pass', 'ms', 'us/step', 'estimate', 'over'];
const widths = [20, 9, 26, 6, 9, 10, 10, 10, 10];
const line = (cells: readonly string[]) => tableRow(cells, widths);

export const gpuHeader = line(titles);

/** H, B, T and D, T and D only where they are not those of the default. */
const shapeOf = ({ hidden, batch, steps, features }: GpuRow) =>
  [`H${hidden}`, `B${batch}`, `T${steps}`, features === hidden ? '' : `D${features}`]
    .filter(Boolean)
    .join(' ');

export function gpuLine(row: GpuRow): string {
  const by = row.library === 'cudnn' ? `cuDNN ${row.plan}` : row.plan;
  const words = [shapeOf(row), row.model, by.slice(0, widths[2] - 1), row.dtype, row.pass];
  if (row.times === undefined) return `${line(words)} ${row.why}`;
  const { msMedian } = row.times;
  const perStep = (1000 * msMedian) / row.steps;
  return line([
    ...words,
    formatMs(msMedian),
    formatMs(perStep),
    row.estimateMs === undefined ? '–' : formatMs(row.estimateMs),
    row.overEstimate === undefined ? '–' : `${row.overEstimate.toFixed(2)}x`,
  ]);
}
