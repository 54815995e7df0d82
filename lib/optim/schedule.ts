import * as check from '../check.js';

/** What a schedule remembers from one validation to the next: JSON, for checkpoints. */
export type ScheduleState = Readonly<Record<string, number | null>>;

/** What a validation has found. */
export interface ScheduleMetrics {
  readonly loss: number;
  /** Undefined for losses without classes. */
  readonly accuracy?: number | undefined;
}

/**
 * Learning rates by step, and by validation results where the schedule listens to them. It never
 * changes: what it remembers is a state that is handed in and out, so the same steps, results and
 * state give the same rates. Made by `stepDecay`, `cosine` and `plateau`.
 */
export class Schedule {
  /** @internal */
  constructor(
    readonly kind: string,
    /** Its options, as JSON. */
    readonly config: Readonly<Record<string, number | string>>,
    /** The rate of a step, counted from 1. */
    readonly rate: (step: number, state: ScheduleState) => number,
    /** The state before the first step. */
    readonly initial: ScheduleState = {},
    /** The state after a validation; absent: the schedule does not listen. */
    readonly observe?: (metrics: ScheduleMetrics, state: ScheduleState) => ScheduleState,
  ) {
    Object.freeze(config);
    Object.freeze(initial);
    Object.freeze(this);
  }

  /**
   * A state that comes out of a file.
   * @throws ERR_BNLSTM_ARGUMENT naming `name` where it is no state of such a schedule
   */
  checkState(value: unknown, name: string): ScheduleState {
    const keys = Object.keys(this.initial);
    const given = check.options(value as Record<string, unknown>, name, keys);
    for (const key of keys) {
      if (given[key] !== null) check.number(given[key], `${name}: ${key}`);
    }
    return given as ScheduleState;
  }
}

export interface StepDecayOptions {
  /** Of the first `every` steps. */
  readonly learningRate: number;
  /** Steps between one reduction and the next. */
  readonly every: number;
  /** What the rate is multiplied with each time, from above 0 to 1. */
  readonly factor: number;
}

/**
 * learningRate · factor^⌊(step − 1) / every⌋.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function stepDecay(options: StepDecayOptions): Schedule {
  options = check.options(options, 'stepDecay', ['learningRate', 'every', 'factor']);
  const learningRate = checkRate(options.learningRate, 'stepDecay');
  const every = check.integer(options.every, 'stepDecay: every', { min: 1 });
  const factor = check.number(options.factor, 'stepDecay: factor', { above: 0, max: 1 });
  return new Schedule(
    'stepDecay',
    { learningRate, every, factor },
    (step) => learningRate * factor ** Math.floor((step - 1) / every),
  );
}

export interface CosineOptions {
  /** The highest. */
  readonly learningRate: number;
  /** Training steps in all, with those of the warm-up. */
  readonly steps: number;
  /** Steps in which the rate rises to the highest, from the first on. Default 0. */
  readonly warmup?: number | undefined;
  /** What the rate falls to. Default 0. */
  readonly floor?: number | undefined;
}

/**
 * A rise in equal parts over `warmup` steps, then half a cosine from `learningRate`, which step
 * warmup + 1 has, to `floor`, which every step after `steps` has. Without warm-up these are the
 * numbers of PyTorch's CosineAnnealingLR with T_max = steps.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function cosine(options: CosineOptions): Schedule {
  options = check.options(options, 'cosine', ['learningRate', 'steps', 'warmup', 'floor']);
  const learningRate = checkRate(options.learningRate, 'cosine');
  const steps = check.integer(options.steps, 'cosine: steps', { min: 1 });
  const below = { min: 0, below: steps };
  const warmup = check.integer(options.warmup ?? 0, 'cosine: warmup', below);
  const floor = checkFloor(options.floor, 'cosine', learningRate);
  return new Schedule('cosine', { learningRate, steps, warmup, floor }, (step) => {
    if (step <= warmup) return learningRate * warm(step, warmup);
    const part = Math.min(1, (step - 1 - warmup) / (steps - warmup));
    const rate = floor + (learningRate - floor) * 0.5 * (1 + Math.cos(Math.PI * part));
    return Math.min(rate, learningRate); // rounding may go past it
  });
}

export interface PlateauOptions {
  /** At first. */
  readonly learningRate: number;
  /** What the rate is multiplied with each time, between 0 and 1. Default 0.1. */
  readonly factor?: number | undefined;
  /** Validations in a row without a better result after which the rate falls. */
  readonly patience: number;
  /** By how much a result must be better than the best so far. Default 0. */
  readonly minDelta?: number | undefined;
  /** What the rate never falls below. Default 0. */
  readonly floor?: number | undefined;
  /** Which result of validations. Default 'loss'. */
  readonly monitor?: 'loss' | 'accuracy' | undefined;
  /** Steps in which the rate rises, from the first on. Default 0. */
  readonly warmup?: number | undefined;
}

const plateauKeys = [
  'learningRate',
  'factor',
  'patience',
  'minDelta',
  'floor',
  'monitor',
  'warmup',
] as const;

/**
 * The rate falls by `factor` whenever `patience` validations in a row were no better than the best
 * one; then they are counted anew. A result that is not finite is no better. (PyTorch's patience is
 * one less.) Needs a training loop with validation.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function plateau(options: PlateauOptions): Schedule {
  options = check.options(options, 'plateau', plateauKeys);
  const learningRate = checkRate(options.learningRate, 'plateau');
  const factor = check.number(options.factor ?? 0.1, 'plateau: factor', { above: 0, below: 1 });
  const patience = check.integer(options.patience, 'plateau: patience', { min: 1 });
  const minDelta = check.number(options.minDelta ?? 0, 'plateau: minDelta', { min: 0 });
  const floor = checkFloor(options.floor, 'plateau', learningRate);
  const choices = ['loss', 'accuracy'] as const;
  const monitor = check.oneOf(options.monitor ?? 'loss', 'plateau: monitor', choices);
  const warmup = check.integer(options.warmup ?? 0, 'plateau: warmup', { min: 0 });

  const isBetter = (result: number, best: number | null) => {
    if (best === null || !Number.isFinite(result)) return Number.isFinite(result);
    return monitor === 'loss' ? result < best - minDelta : result > best + minDelta;
  };
  return new Schedule(
    'plateau',
    { learningRate, factor, patience, minDelta, floor, monitor, warmup },
    (step, { reductions }) =>
      Math.max(floor, learningRate * factor ** (reductions ?? 0)) * warm(step, warmup),
    { best: null, bad: 0, reductions: 0 },
    (metrics, { best, bad, reductions }) => {
      const result = metrics[monitor];
      if (result === undefined) {
        const expected = "'loss', as the model's loss has no classes";
        throw check.argumentError('plateau: monitor', expected, check.show(monitor));
      }
      if (isBetter(result, best)) return { best: result, bad: 0, reductions };
      const more = (bad ?? 0) + 1;
      if (more < patience) return { best, bad: more, reductions };
      return { best, bad: 0, reductions: (reductions ?? 0) + 1 };
    },
  );
}

/** The share of the rate that a step of the warm-up has; 1 after it. */
function warm(step: number, warmup: number): number {
  return Math.min(1, step / (warmup + 1));
}

function checkRate(value: unknown, name: string): number {
  return check.number(value, `${name}: learningRate`, { min: 0 });
}

function checkFloor(value: unknown, name: string, learningRate: number): number {
  return check.number(value ?? 0, `${name}: floor`, { min: 0, max: learningRate });
}
