import type { HistoryRecord } from '../../index.js';
import type { RunResult } from './results.js';

/** Numbers of the curves are kept to so many digits. */
const digits = 6;
const rounded = (value: number) => Number(value.toPrecision(digits));

/** Writes the records of a run, as they are made, into its result. */
export function enter(result: RunResult, record: HistoryRecord): void {
  const { curve, validation } = result;
  if (record.type === 'step') {
    result.iterations = record.index;
    result.seconds += record.seconds;
    curve.iteration.push(record.index);
    curve.loss.push(rounded(record.loss));
    curve.accuracy.push(rounded(record.accuracy ?? Number.NaN));
    curve.gradientNorm.push(rounded(record.gradientNorm));
  } else if (record.type === 'validation') {
    const { index: iteration, loss, accuracy = Number.NaN } = record;
    validation.push({ iteration, loss: rounded(loss), accuracy: rounded(accuracy) });
  }
}
