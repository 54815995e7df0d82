import * as check from '../check.js';
import { checkLoss, type Loss } from '../nn/loss.js';
import { checkGroups, type ParameterGroup } from '../optim/groups.js';
import { Optimizer } from '../optim/optimizer.js';

export interface TrainerOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** All gradients together are scaled down to this norm. Default: no clipping. */
  readonly clipNorm?: number | undefined;
  /**
   * Memory against time, for long sequences: backward computes what it reads of a chunk of so many
   * steps anew, from the state at the chunk's border, instead of keeping all of every step; true
   * takes about the square root of all steps. The results have the same bits. Default false.
   */
  readonly recompute?: boolean | number | undefined;
  /**
   * Batches whose gradients make one step, which is that of one batch with all their rows, but for
   * statistics: those are of each batch. For `run`: `step` is a step by itself. The last step of
   * an epoch has what is left. Default 1.
   */
  readonly accumulate?: number | undefined;
  /** Parameters with a learning rate or a weight decay of their own, or frozen. Default: none. */
  readonly groups?: readonly ParameterGroup[] | undefined;
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
  /** A new order in every epoch, from the model's seed. Default true; not with `carryState`. */
  readonly shuffle?: boolean | undefined;
  /** What happens to a last batch that is smaller. Default 'drop'. */
  readonly lastBatch?: 'drop' | 'keep' | undefined;
  /**
   * The batches are chunks of longer sequences, one after another, and say in `reset` which rows
   * start anew: a row that goes on begins with the state in which the batch before has left it.
   * Gradients do not cross from one batch to the next (truncated back-propagation through time).
   * Default false.
   */
  readonly carryState?: boolean | undefined;
  /** Ends the loop between steps: it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface StepOptions {
  /** As that of `run`: the batch goes on from the one before. Default false. */
  readonly carryState?: boolean | undefined;
}

export function checkTrainerOptions(options: TrainerOptions) {
  options = check.options(options, 'trainer', [
    'loss',
    'optimizer',
    'clipNorm',
    'recompute',
    'accumulate',
    'groups',
    'onNaN',
  ]);
  const { loss, optimizer, clipNorm, recompute = false, accumulate = 1, groups } = options;
  const { onNaN = 'throw' } = options;
  check.oneOf(onNaN, 'trainer: onNaN', ['throw']);
  return {
    loss: checkLoss(loss, 'trainer: loss'),
    optimizer: check.instance(
      optimizer,
      'trainer: optimizer',
      Optimizer,
      'sgd(), adam() or the like',
    ),
    clipNorm:
      clipNorm === undefined ? 0 : check.number(clipNorm, 'trainer: clipNorm', { above: 0 }),
    recompute: checkRecompute(recompute, 'trainer'),
    accumulate: check.integer(accumulate, 'trainer: accumulate', { min: 1 }),
    groups: checkGroups(groups, 'trainer: groups'),
  };
}

/** Also of a plan of a training step. */
export function checkRecompute(recompute: unknown, method: string): boolean | number {
  if (typeof recompute === 'boolean') return recompute;
  const name = `${method}: recompute`;
  if (typeof recompute === 'number') return check.integer(recompute, name, { min: 1 });
  throw check.argumentError(name, 'true, false or steps per chunk', check.show(recompute));
}

const runKeys = [
  'batchSize',
  'iterations',
  'epochs',
  'reportEvery',
  'shuffle',
  'lastBatch',
  'carryState',
  'signal',
];

/** With defaults filled in; `iterations` and `epochs` are Infinity where the other one counts. */
export function checkRunOptions(options: RunOptions) {
  options = check.options(options, 'run', runKeys);
  const { iterations, epochs } = options;
  if ((iterations === undefined) === (epochs === undefined)) {
    const got = iterations === undefined ? 'neither' : 'both';
    throw check.argumentError('run: iterations, epochs', 'one of them', got);
  }
  const times = (value: number | undefined, name: string) =>
    value === undefined ? Number.POSITIVE_INFINITY : check.integer(value, name, { min: 1 });
  const carryState = check.boolean(options.carryState ?? false, 'run: carryState');
  const shuffle = check.boolean(options.shuffle ?? !carryState, 'run: shuffle');
  if (carryState && shuffle) {
    throw check.argumentError('run: shuffle', 'false where carryState keeps the order', 'true');
  }
  return {
    batchSize: check.integer(options.batchSize, 'run: batchSize', { min: 1 }),
    iterations: times(iterations, 'run: iterations'),
    epochs: times(epochs, 'run: epochs'),
    reportEvery: check.integer(options.reportEvery ?? 1, 'run: reportEvery', { min: 1 }),
    shuffle,
    carryState,
    lastBatch: check.oneOf(options.lastBatch ?? 'drop', 'run: lastBatch', ['drop', 'keep']),
    signal: check.signal(options.signal, 'run: signal'),
  };
}
