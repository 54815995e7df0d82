import { type ClassMetrics, classMetrics } from '../nn/loss.js';
import type { NotFiniteError } from './not_finite_error.js';

/** What one training step gave. */
export interface StepOutcome {
  readonly index: number;
  readonly epoch: number;
  /** Sequences. */
  readonly size: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Undefined for losses without classes. */
  readonly correct: number | undefined;
  readonly counted: number;
  readonly degenerateSteps: number;
  /** The step changed nothing, and training goes on or stops as `onNaN` says. */
  readonly notFinite?: NotFiniteError;
}

/** One or more training steps (`reportEvery`) together. */
export interface StepResult extends ClassMetrics {
  /** Of the last step: attempted steps of this trainer, counted from 1. */
  readonly index: number;
  /** Steps in this result. */
  readonly steps: number;
  /** Of the last step, counted from 1; 0 for `trainer.step`. */
  readonly epoch: number;
  /** Mean over the steps; NaN if all of them were skipped. */
  readonly loss: number;
  /** Mean over the steps, before clipping. */
  readonly gradientNorm: number;
  /** Of the last step. */
  readonly learningRate: number;
  /** Share of all targets that were right; undefined for losses without classes. */
  readonly accuracy: number | undefined;
  /** Time steps whose statistics had a single row left, in all batches. */
  readonly degenerateSteps: number;
  /** Sequences in all batches. */
  readonly sequences: number;
  /** Steps that were not finite and changed nothing: they count in no mean. */
  readonly skipped: number;
  /** Of the last step that was skipped or has stopped the run. */
  readonly notFinite: NotFiniteError | undefined;
  /** Wall time, with waiting for data. */
  readonly seconds: number;
}

/** Gathers the steps of one result. */
export class Turn {
  readonly #outcomes: StepOutcome[] = [];
  readonly #started = performance.now();

  get steps(): number {
    return this.#outcomes.length;
  }

  add(outcome: StepOutcome): void {
    this.#outcomes.push(outcome);
  }

  result(): StepResult {
    const all = this.#outcomes;
    const { index, epoch, learningRate, correct } = all.at(-1) as StepOutcome;
    const outcomes = all.filter(({ notFinite }) => notFinite === undefined);
    const sum = (value: (outcome: StepOutcome) => number) =>
      outcomes.reduce((total, outcome) => total + value(outcome), 0);
    const mean = sum(({ loss }) => loss) / outcomes.length;
    return {
      index,
      steps: all.length,
      epoch,
      loss: mean,
      ...classMetrics(mean, correct !== undefined),
      gradientNorm: sum(({ gradientNorm }) => gradientNorm) / outcomes.length,
      learningRate,
      accuracy:
        correct === undefined
          ? undefined
          : sum(({ correct = 0 }) => correct) / sum(({ counted }) => counted),
      degenerateSteps: sum(({ degenerateSteps }) => degenerateSteps),
      sequences: all.reduce((total, { size }) => total + size, 0),
      skipped: all.length - outcomes.length,
      notFinite: all.findLast(({ notFinite }) => notFinite)?.notFinite,
      seconds: (performance.now() - this.#started) / 1000,
    };
  }
}
