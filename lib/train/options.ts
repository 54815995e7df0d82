import * as check from '../check.js';
import { lastBatches } from '../data/batch_options.js';
import type { LastBatch } from '../data/source.js';
import { checkLoss, type Loss } from '../nn/loss.js';
import { checkGroups, type ParameterGroup } from '../optim/groups.js';
import { Optimizer } from '../optim/optimizer.js';
import { checkRecompute, type Recompute } from '../recompute.js';

export interface TrainerOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** All gradients together are scaled down to this norm. Default: no clipping. */
  readonly clipNorm?: number | undefined;
  /**
   * Memory against time: what backward computes anew instead of keeping it. 'none': nothing.
   * 'inputs': the inputs' products. 'all': the steps, chunk by chunk of about the square root of
   * all; a number: of so many steps. The results have the same bits. 'auto' is the first of these
   * three with which a training by batches of that shape needs at most 80 % of all the memory that
   * the device has; a resumed run goes on with the mode of its checkpoint. Default 'auto'.
   */
  readonly recompute?: 'auto' | Recompute | undefined;
  /**
   * Batches per step of `run` and `fit`: the gradients are those of the mean over all targets of
   * these batches, as of one large batch, in the memory of one. Statistics stay those of each batch.
   * What is left at the end of an epoch makes a smaller step. Default 1.
   */
  readonly accumulate?: number | undefined;
  /** Parameters with a learning rate or a weight decay of their own, or frozen. Default: none. */
  readonly groups?: readonly ParameterGroup[] | undefined;
  /**
   * What becomes of a step whose loss or gradient norm is not finite; it changes nothing in any
   * case. 'throw': it throws a NotFiniteError. 'stop': the run ends with a result that has the
   * error in `notFinite`. 'skip': training goes on with the next batch; such steps count in
   * `skipped`, and more than `maxSkips` in a row throw. Default 'throw'.
   */
  readonly onNaN?: 'throw' | 'stop' | 'skip' | undefined;
  /** Default 10. */
  readonly maxSkips?: number | undefined;
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
  readonly lastBatch?: LastBatch | undefined;
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
    'groups',
    'accumulate',
    'onNaN',
    'maxSkips',
  ]);
  const {
    loss,
    optimizer,
    clipNorm,
    recompute = 'auto',
    groups,
    accumulate,
    onNaN = 'throw',
    maxSkips,
  } = options;
  check.oneOf(onNaN, 'trainer: onNaN', ['throw', 'stop', 'skip']);
  if (maxSkips !== undefined && onNaN !== 'skip') {
    throw check.argumentError('trainer: maxSkips', "none without onNaN: 'skip'", `${maxSkips}`);
  }
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
    recompute: checkRecompute(recompute, 'trainer', ['auto']),
    groups: checkGroups(groups, 'trainer: groups'),
    onNaN,
    maxSkips: check.integer(maxSkips ?? 10, 'trainer: maxSkips', { min: 0 }),
    accumulate: check.integer(accumulate ?? 1, 'trainer: accumulate', { min: 1 }),
  };
}

export type CheckedTrainerOptions = ReturnType<typeof checkTrainerOptions>;

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

/**
 * With defaults filled in; `iterations` and `epochs` are Infinity where the other one counts.
 * `further` are options that the method has beside these.
 */
export function checkRunOptions(
  options: RunOptions,
  method = 'run',
  further: readonly string[] = [],
) {
  options = check.options(options, method, [...runKeys, ...further]);
  const { iterations, epochs } = options;
  if ((iterations === undefined) === (epochs === undefined)) {
    const got = iterations === undefined ? 'neither' : 'both';
    throw check.argumentError(`${method}: iterations, epochs`, 'one of them', got);
  }
  const times = (value: number | undefined, name: string) =>
    value === undefined ? Number.POSITIVE_INFINITY : check.integer(value, name, { min: 1 });
  const carryState = check.boolean(options.carryState ?? false, `${method}: carryState`);
  const shuffle = check.boolean(options.shuffle ?? !carryState, `${method}: shuffle`);
  if (carryState && shuffle) {
    throw check.argumentError(
      `${method}: shuffle`,
      'false where carryState keeps the order',
      'true',
    );
  }
  return {
    batchSize: check.integer(options.batchSize, `${method}: batchSize`, { min: 1 }),
    iterations: times(iterations, `${method}: iterations`),
    epochs: times(epochs, `${method}: epochs`),
    reportEvery: check.integer(options.reportEvery ?? 1, `${method}: reportEvery`, { min: 1 }),
    shuffle,
    carryState,
    lastBatch: check.oneOf(options.lastBatch ?? 'drop', `${method}: lastBatch`, lastBatches),
    signal: check.signal(options.signal, `${method}: signal`),
  };
}
