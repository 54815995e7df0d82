import { readFile } from 'node:fs/promises';
import * as check from '../../check.js';
import { BnLstmError } from '../../errors.js';
import { VERSION } from '../../index.js';
import { ioError, replaceFile } from '../../io/atomic.js';
import { machineFacts } from '../machine.js';
import type { Choice, Experiment } from './experiment.js';

/** Means over the iterations since the point before; columns of the same length. */
export interface Curve {
  readonly iteration: number[];
  readonly loss: number[];
  readonly accuracy: number[];
  readonly gradientNorm: number[];
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
  iterations: number;
  /** 'finished', 'aborted' (by the budget or Ctrl+C), or the error that ended it. */
  stoppedBy?: string;
  /** Of training alone. */
  seconds: number;
  readonly curve: Curve;
  /** With batch statistics, as in the paper's figures. */
  readonly validation: Point[];
  test?: TestResult;
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
  /** What was asked for on top of the settings. */
  readonly choice: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly object[];
}

export function heading(experiment: Experiment, choice: Choice): Omit<Results, 'runs'> {
  const facts = machineFacts();
  const { seed, device, threads, budget, model, ...asked } = choice;
  return {
    experiment: experiment.name,
    date: new Date().toISOString(),
    version: VERSION,
    machine: { ...facts, threads: threads ?? facts.threads },
    seed,
    choice: asked,
    settings: experiment.settings,
  };
}

/** Replaces the file in one piece, so that an interrupt leaves the last results. */
export async function writeResults(path: string, results: Results): Promise<void> {
  await replaceFile(path, [Buffer.from(`${JSON.stringify(results)}\n`)]);
}

/**
 * What a former run of the same experiment has left.
 * @throws ERR_BNLSTM_ARGUMENT for results of another experiment, ERR_BNLSTM_IO
 */
export async function readResults(path: string, now: Omit<Results, 'runs'>): Promise<Results> {
  let then: Results;
  try {
    then = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw ioError(`cannot resume from ${path}`, cause);
  }
  for (const key of ['experiment', 'seed', 'choice', 'settings'] as const) {
    const [a, b] = [JSON.stringify(then[key]), JSON.stringify(now[key])];
    if (a !== b) throw check.argumentError(`--resume: ${key} of ${path}`, b, a);
  }
  if (!Array.isArray(then.runs)) {
    throw new BnLstmError('ERR_BNLSTM_ARGUMENT', `${path} has no runs`);
  }
  return then;
}
