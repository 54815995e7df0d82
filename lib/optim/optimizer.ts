import * as check from '../check.js';
import type { OptimizerStep } from '../ops/optimizer_step.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { Schedule, type ScheduleState } from './schedule.js';

/** A learning rate for all steps, or one for each: `step` counts from 1. */
export type LearningRate = number | ((step: number) => number) | Schedule;

interface OptimizerParts {
  readonly kind: string;
  readonly learningRate: LearningRate;
  /** Values per parameter that it keeps, zero at first. */
  readonly slots: number;
  readonly weightDecay?: number;
  /** With the defaults; beyond learning rate and weight decay. */
  readonly options: Readonly<Record<string, number | boolean>>;
  /** Records an update in place; each of `slots` is as long as the parameters. */
  readonly record: (graph: Graph, step: OptimizerStep, slots: readonly Value[]) => void;
}

/** How parameters follow their gradients. Made by `rmsprop`, `sgd`, `adam` and `adamw`. */
export class Optimizer {
  readonly kind: string;
  readonly learningRate: LearningRate;
  /** Decoupled, of weights and tables (w −= rate · weightDecay · w); 0: none. */
  readonly weightDecay: number;
  /**
   * Kind and options as JSON, to be compared with those of another run. A function has no other
   * name there than 'function'.
   */
  readonly config: Readonly<Record<string, unknown>>;
  /** @internal */
  readonly slots: number;
  /** @internal */
  readonly record: OptimizerParts['record'];

  /** @internal */
  constructor({ kind, learningRate, slots, weightDecay = 0, options, record }: OptimizerParts) {
    this.kind = kind;
    this.learningRate = learningRate;
    this.weightDecay = weightDecay;
    this.slots = slots;
    this.record = record;
    const rate = learningRate instanceof Schedule ? describe(learningRate) : learningRate;
    this.config = Object.freeze({
      kind,
      learningRate: typeof rate === 'function' ? 'function' : rate,
      ...options,
      weightDecay,
    });
    Object.freeze(this);
  }

  /** The schedule of the learning rate, if it has one. */
  get schedule(): Schedule | undefined {
    return this.learningRate instanceof Schedule ? this.learningRate : undefined;
  }

  /**
   * The learning rate of a step; `state` is that of the schedule.
   * @throws ERR_BNLSTM_ARGUMENT where a user's function gives no learning rate
   * @internal
   */
  rateAt(step: number, state?: ScheduleState): number {
    const { learningRate } = this;
    if (typeof learningRate === 'number') return learningRate;
    if (learningRate instanceof Schedule) {
      return learningRate.rate(step, state ?? learningRate.initial);
    }
    return check.number(learningRate(step), `learningRate(${step})`, { min: 0 });
  }
}

function describe({ kind, config }: Schedule) {
  return Object.freeze({ kind, ...config });
}

/** A user's learning rate. */
export function checkLearningRate(value: unknown, name: string): LearningRate {
  if (value instanceof Schedule) return value;
  return typeof value === 'function'
    ? (value as (step: number) => number)
    : check.number(value, name, { min: 0 });
}
