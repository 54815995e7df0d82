import * as check from '../check.js';
import type { OptimizerStep } from '../ops/optimizer_step.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';

/** A learning rate for all steps, or one for each: `step` counts from 1. */
export type LearningRate = number | ((step: number) => number);

/** How parameters follow their gradients. Made by `rmsprop` and `adam`. */
export class Optimizer {
  /** @internal */
  constructor(
    readonly kind: string,
    readonly learningRate: LearningRate,
    /**
     * Values per parameter that it keeps, zero at first.
     * @internal
     */
    readonly slots: number,
    /**
     * Records an update in place; each of `slots` is as long as the parameters.
     * @internal
     */
    readonly record: (graph: Graph, step: OptimizerStep, slots: readonly Value[]) => void,
  ) {
    Object.freeze(this);
  }

  /**
   * The learning rate of a step.
   * @internal
   */
  rateAt(step: number): number {
    if (typeof this.learningRate === 'number') return this.learningRate;
    return check.number(this.learningRate(step), `learningRate(${step})`, { min: 0 });
  }
}

/** A user's learning rate. */
export function checkLearningRate(value: unknown, name: string): LearningRate {
  return typeof value === 'function'
    ? (value as (step: number) => number)
    : check.number(value, name, { min: 0 });
}
