import * as check from '../check.js';
import type { DataSource } from '../data/source.js';
import type { HistoryRecord, ValidationRecord } from '../io/history.js';
import { checkDataSource } from '../nn/reading.js';
import { type CheckedTrainerOptions, checkRunOptions, type RunOptions } from './options.js';

/** What is read for population statistics. */
export interface EstimateOptions {
  /** Rows of a batch. Default: that of training. */
  readonly batchSize?: number | undefined;
  /** At most so many sequences. Default: all. */
  readonly limit?: number | undefined;
}

export interface ValidationOptions {
  readonly data: DataSource;
  /** Training steps between two validations. Default: one after each epoch, and at the end. */
  readonly every?: number | undefined;
  /** Rows of a batch. Default: that of training. */
  readonly batchSize?: number | undefined;
  /** At most so many sequences, the first ones. Default: all. */
  readonly limit?: number | undefined;
  /**
   * What to normalise with: the statistics of each batch, as the paper's validation curves have it,
   * or population statistics, which are then estimated before each validation. Default 'batch'.
   */
  readonly statistics?: 'batch' | 'population' | undefined;
}

export interface EarlyStoppingOptions {
  /** Which result of validations. Default 'loss'. */
  readonly monitor?: 'loss' | 'accuracy' | undefined;
  /** Validations in a row without a better result, after which training stops. */
  readonly patience: number;
  /** By how much a result must be better than the best so far. Default 0. */
  readonly minDelta?: number | undefined;
}

export interface CheckpointOptions {
  /** Training steps between two checkpoints. Default: one after each epoch. */
  readonly every?: number | undefined;
  /** How many are kept, the newest ones. Default 3. */
  readonly keep?: number | undefined;
  /** What happens where a file of the run cannot be written; 'warn' goes on. Default 'throw'. */
  readonly onError?: 'throw' | 'warn' | undefined;
}

/**
 * As those of `run`, with what a whole training needs. `iterations` and `epochs` are those of the
 * whole run: what was done before it was interrupted counts.
 */
export interface FitOptions extends RunOptions {
  readonly validation?: ValidationOptions | undefined;
  /** Needs `validation`. The best weights with their statistics are put back when training ends. */
  readonly earlyStopping?: EarlyStoppingOptions | undefined;
  /**
   * The folder of the run, made if it is not there: history.jsonl and checkpoints; with `validation`
   * best.safetensors, the model of the best one, with population statistics if the validation had
   * them; at the end model.safetensors, and report.html with the curves.
   */
  readonly directory?: string | undefined;
  /** Needs `directory`. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /**
   * Goes on from the newest good checkpoint of `directory`; where there is none, begins anew.
   * Default false: a folder that has checkpoints is refused.
   */
  readonly resume?: boolean | undefined;
  /**
   * Population statistics at the end, in one pass over training data; false: none. They are not
   * estimated where training was aborted, or where those of the best weights are there.
   */
  readonly statistics?: false | EstimateOptions | undefined;
  /** What the history says of the run, as JSON. Default: the options of trainer and fit. */
  readonly configuration?: Readonly<Record<string, unknown>> | undefined;
  /** Gets every record of the history when it is made; training waits for it. */
  readonly onRecord?: ((record: HistoryRecord) => void | Promise<void>) | undefined;
}

/** How a training ended. */
export interface FitResult {
  readonly stoppedBy: 'finished' | 'early-stopping' | 'aborted' | 'not-finite';
  /** Steps and epochs of the trainer, those before an interruption included. */
  readonly index: number;
  readonly epoch: number;
  /** Wall time, that before an interruption included. */
  readonly seconds: number;
  /** With `validation`. */
  readonly best: BestResult | undefined;
  /** The last one. */
  readonly validation: ValidationRecord | undefined;
  /** Path of the last checkpoint. */
  readonly checkpoint: string | undefined;
}

/** The best validation of a run. */
export interface BestResult {
  readonly index: number;
  readonly loss: number;
  readonly accuracy?: number;
}

const fitKeys = [
  'validation',
  'earlyStopping',
  'directory',
  'checkpoint',
  'resume',
  'statistics',
  'configuration',
  'onRecord',
] as const;

/** A value that may be left out. */
function optional<T, U>(
  value: T | undefined,
  name: string,
  checked: (value: T, name: string) => U,
): U | undefined {
  return value === undefined ? undefined : checked(value, name);
}

const count = (value: number, name: string) => check.integer(value, name, { min: 1 });

export function checkFitOptions(options: FitOptions) {
  const { validation, earlyStopping, directory, checkpoint, resume, statistics, ...rest } =
    options ?? {};
  const { configuration, onRecord, ...run } = rest;
  const checked = checkRunOptions(run, 'fit', fitKeys);
  const { batchSize } = checked;
  if (earlyStopping !== undefined && validation === undefined) {
    throw check.argumentError('fit: validation', 'data to stop early by', 'none');
  }
  for (const [name, value] of Object.entries({ checkpoint, resume })) {
    if (value && directory === undefined) {
      throw check.argumentError('fit: directory', `a folder, for ${name}`, 'none');
    }
  }
  return {
    ...checked,
    validation: optional(validation, 'fit: validation', (given, name) =>
      checkValidation(given, name, batchSize),
    ),
    earlyStopping: optional(earlyStopping, 'fit: earlyStopping', checkEarlyStopping),
    directory: optional(directory, 'fit: directory', check.string),
    checkpoint: checkCheckpoint(checkpoint ?? {}, 'fit: checkpoint'),
    resume: check.boolean(resume ?? false, 'fit: resume'),
    statistics:
      statistics === false
        ? (false as const)
        : checkEstimate(statistics ?? {}, 'fit: statistics', batchSize),
    configuration: optional(configuration, 'fit: configuration', checkConfiguration),
    onRecord: optional(onRecord, 'fit: onRecord', check.callback),
  };
}

export type CheckedFitOptions = ReturnType<typeof checkFitOptions>;

/** The options that results depend on, as JSON: a checkpoint is for the same ones. */
export function decisiveOptions(options: CheckedFitOptions): Readonly<Record<string, unknown>> {
  const { batchSize, shuffle, lastBatch, carryState, validation, earlyStopping } = options;
  const { every, batchSize: rows, limit, statistics } = validation ?? {};
  const validates = validation && { every, batchSize: rows, limit, statistics };
  return { batchSize, shuffle, lastBatch, carryState, validation: validates, earlyStopping };
}

/** Refuses schedules and early stopping by results that there will not be. */
export function refuseUnmonitored(
  options: CheckedFitOptions,
  { loss, optimizer }: CheckedTrainerOptions,
): void {
  const { schedule } = optimizer;
  if (schedule?.observe && options.validation === undefined) {
    throw check.argumentError('fit: validation', 'data for the schedule to listen to', 'none');
  }
  const monitors = {
    'earlyStopping.monitor': options.earlyStopping?.monitor,
    'schedule: monitor': schedule?.config.monitor,
  };
  for (const [name, monitor] of Object.entries(monitors)) {
    if (monitor !== 'accuracy' || loss.kind === 'crossEntropy') continue;
    const expected = "'loss', as the trainer's loss has no classes";
    throw check.argumentError(`fit: ${name}`, expected, "'accuracy'");
  }
}

function checkValidation(options: ValidationOptions, name: string, trainingBatch: number) {
  const keys = ['data', 'every', 'batchSize', 'limit', 'statistics'];
  const { data, every, batchSize, limit, statistics } = check.options(options, name, keys);
  return {
    data: checkDataSource(data, `${name}.data`),
    every: optional(every, `${name}.every`, count),
    batchSize: count(batchSize ?? trainingBatch, `${name}.batchSize`),
    limit: optional(limit, `${name}.limit`, count),
    statistics: check.oneOf(statistics ?? 'batch', `${name}.statistics`, ['batch', 'population']),
  };
}

function checkEarlyStopping(options: EarlyStoppingOptions, name: string) {
  const { monitor, patience, minDelta } = check.options(options, name, [
    'monitor',
    'patience',
    'minDelta',
  ]);
  return {
    monitor: check.oneOf(monitor ?? 'loss', `${name}.monitor`, ['loss', 'accuracy']),
    patience: count(patience, `${name}.patience`),
    minDelta: check.number(minDelta ?? 0, `${name}.minDelta`, { min: 0 }),
  };
}

function checkCheckpoint(options: CheckpointOptions, name: string) {
  const { every, keep, onError } = check.options(options, name, ['every', 'keep', 'onError']);
  return {
    every: optional(every, `${name}.every`, count),
    keep: count(keep ?? 3, `${name}.keep`),
    onError: check.oneOf(onError ?? 'throw', `${name}.onError`, ['throw', 'warn']),
  };
}

function checkEstimate(options: EstimateOptions, name: string, trainingBatch: number) {
  const { batchSize, limit } = check.options(options, name, ['batchSize', 'limit']);
  return {
    batchSize: count(batchSize ?? trainingBatch, `${name}.batchSize`),
    limit: optional(limit, `${name}.limit`, count),
  };
}

function checkConfiguration(
  value: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> {
  try {
    const text = JSON.stringify(value);
    if (typeof value === 'object' && text?.startsWith('{')) return JSON.parse(text);
  } catch {
    // Cycles, BigInts: said below.
  }
  throw check.argumentError(name, 'an object that is JSON', check.show(value));
}
