import type { HistoryRecord } from '../../index.js';
import type { Curve, Point } from './results.js';

type StepRecord = Extract<HistoryRecord, { readonly type: 'step' }>;

/** Numbers are kept to so many digits. */
const digits = 6;
const rounded = (value: number | undefined) => Number((value ?? Number.NaN).toPrecision(digits));

/**
 * The training curve of a history: a point for every `every` steps. A step record that an
 * interruption cut short is put together with the one that goes on from it.
 */
export function curveOf(history: readonly HistoryRecord[], every: number): Curve {
  const curve = {
    iteration: [] as number[],
    loss: [] as number[],
    accuracy: [] as number[],
    gradientNorm: [] as number[],
  };
  let parts: { readonly record: StepRecord; readonly steps: number }[] = [];
  let last = 0;
  const add = () => {
    const steps = parts.reduce((sum, part) => sum + part.steps, 0);
    const mean = (value: (record: StepRecord) => number | undefined) =>
      rounded(parts.reduce((sum, p) => sum + p.steps * (value(p.record) ?? Number.NaN), 0) / steps);
    curve.iteration.push(last);
    curve.loss.push(mean(({ loss }) => loss));
    curve.accuracy.push(mean(({ accuracy }) => accuracy));
    curve.gradientNorm.push(mean(({ gradientNorm }) => gradientNorm));
    parts = [];
  };
  for (const record of history) {
    if (record.type !== 'step') continue;
    parts.push({ record, steps: record.index - last });
    last = record.index;
    if (last % every === 0) add();
  }
  if (parts.length > 0) add();
  return curve;
}

export function validationOf(history: readonly HistoryRecord[]): Point[] {
  return history
    .filter((record) => record.type === 'validation')
    .map(({ index, loss, accuracy }) => ({
      iteration: index,
      loss: rounded(loss),
      accuracy: rounded(accuracy),
    }));
}

/** Wall time of all training steps. */
export function trainingSeconds(history: readonly HistoryRecord[]): number {
  return history.reduce((sum, record) => sum + (record.type === 'step' ? record.seconds : 0), 0);
}
