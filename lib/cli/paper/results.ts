import { VERSION } from '../../index.js';
import { replaceFile } from '../../io/atomic.js';
import { machineFacts } from '../../machine.js';
import type { Choice, Experiment } from './experiment.js';

/** Means over the iterations since the point before; columns of the same length. */
export interface Curve {
  readonly iteration: readonly number[];
  readonly loss: readonly number[];
  readonly accuracy: readonly number[];
  readonly gradientNorm: readonly number[];
}

export interface Point {
  readonly iteration: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** What a training run has come to so far. */
export interface RunResult {
  readonly name: string;
  /** Model, gamma, seed: what tells it from the others. */
  readonly variables: Readonly<Record<string, number | string>>;
  readonly parameters: number;
  readonly device: string;
  readonly iterations: number;
  /** 'finished'; 'unfinished' or, in the middle of its turn, 'aborted'; or 'not-finite'. */
  readonly stoppedBy: string;
  /** Wall time of training alone. */
  readonly seconds: number;
  readonly curve: Curve;
  /** With batch statistics, as in the paper's figures. */
  readonly validation: readonly Point[];
  readonly test?: TestResult;
}

/** Of the weights with the best validation accuracy, with population statistics. */
export interface TestResult {
  /** Of these weights. */
  readonly iteration: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly sequences: number;
  /** Absent for a model that does not normalise. */
  readonly statistics?: { readonly sequences: number; readonly batchSize: number };
}

/** The file of an experiment. */
export interface Results {
  readonly experiment: string;
  readonly date: string;
  readonly version: string;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** What was asked for beside the settings. */
  readonly choice: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly object[];
}

/** What stands above the runs. */
export function heading(experiment: Experiment, choice: Choice): Omit<Results, 'runs'> {
  const facts = machineFacts();
  const { seed, device: _, threads = facts.threads, ...asked } = choice;
  return {
    experiment: experiment.name,
    date: new Date().toISOString(),
    version: VERSION,
    machine: { ...facts, threads },
    seed,
    choice: asked,
    settings: experiment.settings,
  };
}

/** Replaces the file in one piece, so that an interrupt leaves the results before. */
export async function writeResults(path: string, results: Results): Promise<void> {
  await replaceFile(path, [Buffer.from(`${JSON.stringify(results)}\n`)]);
}
