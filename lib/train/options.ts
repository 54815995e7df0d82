import * as check from '../check.js';
import { checkLoss, type Loss } from '../nn/loss.js';
import { Optimizer } from '../optim/optimizer.js';

export interface TrainerOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** All gradients together are scaled down to this norm. Default: no clipping. */
  readonly clipNorm?: number | undefined;
  /** What a step does whose loss or gradient norm is not finite. Default 'throw'. */
  readonly onNaN?: 'throw' | undefined;
}

export interface RunOptions {
  readonly batchSize: number;
  /** Training steps; or `epochs`. */
  readonly iterations?: number | undefined;
  /** Times through the data. */
  readonly epochs?: number | undefined;
  /** Steps per result. Default 1. */
  readonly reportEvery?: number | undefined;
  /** A new order in every epoch, from the model's seed. Default true. */
  readonly shuffle?: boolean | undefined;
  /** What happens to a last batch that is smaller. Default 'drop'. */
  readonly lastBatch?: 'drop' | 'keep' | undefined;
  /** Ends the loop between steps: it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export function checkTrainerOptions(options: TrainerOptions) {
  check.options(options, 'trainer', ['loss', 'optimizer', 'clipNorm', 'onNaN']);
  const { loss, optimizer, clipNorm, onNaN = 'throw' } = options;
  check.oneOf(onNaN, 'trainer: onNaN', ['throw']);
  return {
    loss: checkLoss(loss, 'trainer: loss'),
    optimizer: check.instance(optimizer, 'trainer: optimizer', Optimizer, 'rmsprop() or adam()'),
    clipNorm:
      clipNorm === undefined ? 0 : check.number(clipNorm, 'trainer: clipNorm', { above: 0 }),
  };
}

const runKeys = [
  'batchSize',
  'iterations',
  'epochs',
  'reportEvery',
  'shuffle',
  'lastBatch',
  'signal',
];

/** With defaults filled in; `iterations` and `epochs` are Infinity where the other one counts. */
export function checkRunOptions(options: RunOptions) {
  check.options(options, 'run', runKeys);
  const { iterations, epochs } = options;
  if ((iterations === undefined) === (epochs === undefined)) {
    const got = iterations === undefined ? 'neither' : 'both';
    throw check.argumentError('run: iterations, epochs', 'one of them', got);
  }
  const times = (value: number | undefined, name: string) =>
    value === undefined ? Number.POSITIVE_INFINITY : check.integer(value, name, { min: 1 });
  return {
    batchSize: check.integer(options.batchSize, 'run: batchSize', { min: 1 }),
    iterations: times(iterations, 'run: iterations'),
    epochs: times(epochs, 'run: epochs'),
    reportEvery: check.integer(options.reportEvery ?? 1, 'run: reportEvery', { min: 1 }),
    shuffle: check.boolean(options.shuffle ?? true, 'run: shuffle'),
    lastBatch: check.oneOf(options.lastBatch ?? 'drop', 'run: lastBatch', ['drop', 'keep']),
    signal: check.signal(options.signal, 'run: signal'),
  };
}
