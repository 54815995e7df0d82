import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';

/** A run of the flat parameter array that is trained. */
export interface Segment {
  /** First element and number of elements. */
  readonly begin: number;
  readonly count: number;
  /** Multiplies the learning rate. */
  readonly rateFactor: number;
  /** Decoupled: w -= rate * weightDecay * w. */
  readonly weightDecay: number;
}

/** What every optimizer op takes. Nothing happens while the non-finite flag of `state` is set. */
export interface OptimizerStep {
  /** Flat, [P], external: updated in place. */
  readonly parameters: Value;
  /** Flat, [P]. */
  readonly gradients: Value;
  /** [1]. */
  readonly learningRate: Value;
  /** [1], from globalNorm. */
  readonly scale: Value;
  /** [4] i32. */
  readonly state: Value;
  readonly segments: readonly Segment[];
}

/** Checks the shared operands and gives them, and the option `segments`, as native ops take them. */
export function optimizerOperands(op: string, step: OptimizerStep) {
  const { parameters, gradients, learningRate, scale, state } = step;
  checkOperand(op, 'gradients', gradients, 'f32', parameters.shape);
  checkOperand(op, 'learningRate', learningRate, 'f32', [1]);
  checkOperand(op, 'scale', scale, 'f32', [1]);
  checkOperand(op, 'state', state, 'i32', [4]);
  const segments = step.segments.flatMap((segment) => [
    segment.begin,
    segment.count,
    segment.rateFactor,
    segment.weightDecay,
  ]);
  return { inputs: { gradients, learningRate, scale, state }, segments };
}
