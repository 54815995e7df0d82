import type { Shape, Value } from '../program/value.js';
import { checkOperand } from './operand.js';

/**
 * A mean and a biased variance per time step of what the three normalisations of a BN-LSTM see:
 * h Wh and x Wx, [R][S][4H], and c, [R][S][H]. With sequence-wise input statistics inputMean and
 * inputVar are [R][1][4H].
 */
export interface StatisticsValues {
  readonly recurrentMean: Value;
  readonly recurrentVar: Value;
  readonly inputMean: Value;
  readonly inputVar: Value;
  readonly cellMean: Value;
  readonly cellVar: Value;
}

/** Whether the statistics of x Wx are those of each step or one pair for the whole sequence. */
export type InputStatistics = 'step' | 'sequence';

export const statisticsNames = [
  'recurrentMean',
  'recurrentVar',
  'inputMean',
  'inputVar',
  'cellMean',
  'cellVar',
] as const satisfies readonly (keyof StatisticsValues)[];

/** One of something for each of the six. */
export function mapStatistics<T>(
  make: (name: keyof StatisticsValues) => T,
): Record<keyof StatisticsValues, T> {
  return Object.fromEntries(statisticsNames.map((name) => [name, make(name)])) as Record<
    keyof StatisticsValues,
    T
  >;
}

/** The shapes of the six for R directions, S steps and hidden size H. */
export function statisticsShapes(
  directions: number,
  steps: number,
  hidden: number,
  inputStatistics: InputStatistics,
): Record<keyof StatisticsValues, Shape> {
  const inputSteps = inputStatistics === 'sequence' ? 1 : steps;
  return mapStatistics((name) => {
    if (name.startsWith('cell')) return [directions, steps, hidden];
    return [directions, name.startsWith('input') ? inputSteps : steps, 4 * hidden];
  });
}

export function checkStatistics(
  op: string,
  values: StatisticsValues,
  shapes: Record<keyof StatisticsValues, Shape>,
  prefix = '',
): void {
  for (const name of statisticsNames) {
    checkOperand(op, prefix + name, values[name], 'f32', shapes[name]);
  }
}
