import * as check from '../check.js';
import type { Batch, DataSource } from '../data/source.js';
import { BnLstmError, internalError } from '../errors.js';
import type { NativeArray } from '../native.js';
import { CarriedState, type WindowPlace } from '../nn/carried_state.js';
import { Feed } from '../nn/feed.js';
import type { Network } from '../nn/network.js';
import { pipeline } from '../nn/pipeline.js';
import { checkDataSource } from '../nn/reading.js';
import { segmentsFor } from '../optim/groups.js';
import { ProgramCache } from '../program/cache.js';
import { type Profile, Profiler, plainRunner, type Runner } from '../program/profile.js';
import { NotFiniteError } from './not_finite_error.js';
import {
  checkRunOptions,
  checkTrainerOptions,
  type RunOptions,
  type StepOptions,
  type TrainerOptions,
} from './options.js';
import {
  nonFiniteSlot,
  recordTrainingStep,
  type StepPlan,
  skippedSlot,
  stateSlots,
} from './training_step.js';
import { type StepOutcome, type StepResult, Turn } from './turn.js';
import { WindowMemory } from './window.js';

/** Norms that a NotFiniteError tells. */
const historyLength = 10;
const cachedPrograms = 32;

interface StagedStep {
  /** The batches whose gradients make the step. */
  readonly feeds: readonly Feed[];
  readonly epoch: number;
}

/** A step that was started and has not ended. */
interface RunningStep {
  readonly run: Promise<unknown>;
  /** Versions of the parameters. */
  readonly before: number;
  readonly after: number;
  /** That it has counted. */
  readonly attempts: number;
  /** The step before it changed nothing, so that this has not happened. */
  undone: boolean;
}

/**
 * Trains one model with one loss and optimizer, whose state it owns. Made by `model.trainer`.
 * Statistics are those of each batch; every step is one program on the device.
 */
export class Trainer {
  readonly #network: Network;
  readonly #options: ReturnType<typeof checkTrainerOptions>;
  readonly #programs = new ProgramCache(cachedPrograms);
  readonly #norms: number[] = [];
  #memory:
    | {
        readonly state: NativeArray;
        readonly slots: readonly NativeArray[];
        readonly window: WindowMemory | undefined;
      }
    | undefined;
  /** Where the last step with `carryState` has ended. */
  #carried: CarriedState | undefined;
  readonly #running: RunningStep[] = [];
  #steps = 0;
  #epochs = 0;
  #disposed = false;

  /** @internal */
  constructor(network: Network, options: TrainerOptions) {
    network.assertAlive();
    this.#network = network;
    this.#options = checkTrainerOptions(options);
    if (!network.blueprint.parameters.some(({ trainable }) => trainable)) {
      throw check.argumentError('trainer: model', 'trainable parameters', 'none');
    }
    const { groups, optimizer } = this.#options;
    segmentsFor(network.blueprint.parameters, groups, optimizer); // refuses what does not fit
  }

  /**
   * One training step on a batch of at least two rows (one, for a model without normalisation).
   * With `carryState` it goes on where the last step with `carryState` has ended, that of a `run`
   * too; a step that throws leaves that as it was.
   * @throws NotFiniteError (ERR_BNLSTM_NOT_FINITE); parameters, optimizer state and statistics are
   * then as before, and training can go on
   * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_BATCH_OF_ONE, ERR_BNLSTM_BUSY, ERR_BNLSTM_DISPOSED;
   * ERR_BNLSTM_CARRIED_STATE where another number of rows would have to go on
   */
  async step(batch: Batch, options?: StepOptions): Promise<StepResult> {
    return this.#step(batch, options, 'step', plainRunner);
  }

  /**
   * Where the time of a training step goes, by op. It is a step like any other, so parameters and
   * optimizer state change. The first step on a shape is slower than later ones.
   * @throws as `step`
   */
  async profile(batch: Batch, options?: StepOptions): Promise<Profile> {
    const profiler = new Profiler();
    await this.#step(batch, options, 'profile', profiler.run);
    return profiler.profile;
  }

  /**
   * Trains on batches of `data` for a number of iterations or epochs: an iterator that runs no step
   * ahead of its consumer (only the next batch is fetched), so leaving the loop ends training at
   * once and cleanly. A later `run` goes on counting steps and epochs.
   * @throws what `step` throws, what `data` throws, and the reason of an aborted `signal`
   */
  run(data: DataSource, options: RunOptions): AsyncIterableIterator<StepResult> {
    this.#assertAlive();
    const checked = checkRunOptions(options);
    const carried = checked.carryState ? this.#carry('run') : undefined;
    return this.#turns(checkDataSource(data, 'run: data'), checked, carried);
  }

  /** Frees the optimizer's state; the model stays. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#programs.clear();
    this.#memory?.state.dispose();
    for (const slot of this.#memory?.slots ?? []) slot.dispose();
    this.#memory?.window?.dispose();
    this.#memory = undefined;
    this.#carried?.dispose();
  }

  async #step(
    batch: Batch,
    options: StepOptions | undefined,
    method: string,
    runner: Runner,
  ): Promise<StepResult> {
    this.#assertAlive();
    const { carryState = false } = check.options(options, method, ['carryState']);
    const carries = check.boolean(carryState, `${method}: carryState`);
    const carried = carries ? this.#carry(method) : undefined;
    const unlock = this.#network.lockTraining();
    try {
      const turn = new Turn();
      turn.add(await this.#start({ feeds: [this.#feed(batch)], epoch: 0 }, runner, carried));
      return turn.result();
    } finally {
      unlock();
    }
  }

  async *#turns(
    data: DataSource,
    options: ReturnType<typeof checkRunOptions>,
    carried: CarriedState | undefined,
  ) {
    const { reportEvery, signal } = options;
    const unlock = this.#network.lockTraining();
    try {
      const start = (staged: StagedStep) => this.#start(staged, plainRunner, carried);
      // Only within a turn, or a step would run ahead of the consumer. Chunks need the end of the last.
      const mayLead = (n: number) => !carried && n % reportEvery !== 0;
      let turn = new Turn();
      for await (const outcome of pipeline(this.#staged(data, options), start, signal, mayLead)) {
        turn.add(outcome);
        if (turn.steps < reportEvery) continue;
        yield turn.result();
        turn = new Turn();
      }
      if (turn.steps > 0) yield turn.result();
    } finally {
      unlock();
    }
  }

  async *#staged(
    data: DataSource,
    options: ReturnType<typeof checkRunOptions>,
  ): AsyncGenerator<StagedStep, void, undefined> {
    const { batchSize, lastBatch, iterations, epochs } = options;
    const { accumulate } = this.#options;
    let steps = 0;
    for (let pass = 0; pass < epochs; pass++) {
      const before = steps;
      const epoch = ++this.#epochs;
      const shuffle = options.shuffle ? { seed: this.#network.seed, epoch } : undefined;
      let feeds: Feed[] = [];
      for await (const batch of data.batches({ batchSize, lastBatch, shuffle })) {
        feeds.push(this.#feed(batch));
        if (feeds.length < accumulate) continue;
        yield { feeds, epoch };
        if (++steps === iterations) return;
        feeds = [];
      }
      if (feeds.length > 0) {
        yield { feeds, epoch };
        if (++steps === iterations) return;
      }
      if (steps === before) {
        const got = `${data.count} sequences that gave none`;
        throw check.argumentError('run: data', `at least one batch of ${batchSize}`, got);
      }
    }
  }

  #feed(batch: Batch): Feed {
    const feed = new Feed(this.#network, batch, this.#options.loss);
    this.#network.refuseSingleRow(feed);
    return feed;
  }

  async #start(
    { feeds, epoch }: StagedStep,
    runner: Runner,
    carried?: CarriedState,
  ): Promise<StepOutcome> {
    this.#assertAlive();
    const network = this.#network;
    const index = this.#steps + 1;
    const learningRate = this.#options.optimizer.rateAt(index);
    const queue = (feed: Feed, place: WindowPlace) =>
      this.#queue(feed, place, learningRate, runner, carried);
    const gathering = feeds.slice(0, -1).map((feed, k) => {
      const { running } = queue(feed, { first: k === 0, last: false });
      running.catch(() => {}); // met below, unless a later batch cannot even be queued
      return running;
    });
    const before = network.parameters.version;
    const place = { first: feeds.length === 1, last: true };
    const { running, chunk } = queue(feeds[feeds.length - 1], place);
    this.#steps = index;
    const after = network.parameters.changed();
    const attempts = feeds.length;
    const step: RunningStep = { run: running, before, after, attempts, undone: false };
    this.#running.push(step);
    const all = await Promise.all([...gathering, running]).finally(() => {
      this.#running.splice(this.#running.indexOf(step), 1);
    });
    const { loss, norm, state } = all[all.length - 1];
    const total = (name: string) => all.reduce((sum, outputs) => sum + outputs[name][0], 0);
    if (step.undone) throw internalError("the result of a step that was undone is nobody's");
    if (state[nonFiniteSlot] !== 0) {
      await this.#undoLater(state[skippedSlot]);
      network.parameters.restored(before, after);
      throw new NotFiniteError(index, loss[0], norm[0], [...this.#norms]);
    }
    if (chunk) carried?.advance(chunk);
    this.#norms.push(norm[0]);
    if (this.#norms.length > historyLength) this.#norms.shift();
    return {
      index,
      epoch,
      loss: loss[0],
      gradientNorm: norm[0],
      learningRate,
      correct: 'correct' in all[0] ? total('correct') : undefined,
      counted: total('counted'),
      degenerateSteps: network.countsRows
        ? feeds.reduce((sum, { degenerateSteps }) => sum + degenerateSteps, 0)
        : 0,
    };
  }

  /** Queues the program of one batch. */
  #queue(
    feed: Feed,
    place: WindowPlace,
    learningRate: number,
    runner: Runner,
    carried: CarriedState | undefined,
  ) {
    const network = this.#network;
    const chunk = carried?.next(feed, place);
    const { window: memory, ...shared } = this.#plan();
    const window = memory && !(place.first && place.last) ? { ...place, memory } : undefined;
    const plan = { ...shared, carried, window };
    const key = [feed.key, carried?.key, place.first, place.last].join(' ');
    const program = this.#programs.get(key, () => recordTrainingStep(network, feed, plan));
    network.attempts++;
    const running = runner(program, {
      ...feed.inputs,
      ...chunk?.inputs,
      attempt: Int32Array.of(network.attempts),
      learningRate: Float32Array.of(learningRate),
    });
    network.packed.packed();
    if (chunk && !place.last) carried?.advance(chunk, place);
    return { running, chunk };
  }

  /**
   * After a step that was not finite: waits for the one that was started after it, which changed
   * nothing as the flag in `state` was set, and makes it one that was never tried.
   */
  async #undoLater(skipped: number): Promise<void> {
    const later = [...this.#running].reverse();
    for (const step of later) step.undone = true;
    await Promise.allSettled(later.map(({ run }) => run));
    for (const { before, after } of later) this.#network.parameters.restored(before, after);
    this.#steps -= later.length;
    this.#network.attempts -= later.reduce((sum, { attempts }) => sum + attempts, 0);
    const { state } = this.#plan();
    await this.#network.stream.write(state, skippedSlot * 4, Int32Array.of(skipped, 0));
  }

  #carry(method: string): CarriedState {
    this.#carried ??= new CarriedState(this.#network, method, this.#options.accumulate > 1);
    return this.#carried;
  }

  #plan(): Omit<StepPlan, 'carried' | 'window'> & { readonly window: WindowMemory | undefined } {
    const { stream, blueprint } = this.#network;
    const { optimizer, accumulate } = this.#options;
    this.#memory ??= {
      state: stream.array(stateSlots * Int32Array.BYTES_PER_ELEMENT),
      slots: Array.from({ length: optimizer.slots }, () =>
        stream.array(blueprint.parameterCount * Float32Array.BYTES_PER_ELEMENT),
      ),
      window: accumulate > 1 ? new WindowMemory(this.#network) : undefined,
    };
    return { ...this.#options, ...this.#memory };
  }

  #assertAlive(): void {
    this.#network.assertAlive();
    if (this.#disposed) throw new BnLstmError('ERR_BNLSTM_DISPOSED', 'the trainer was disposed');
  }
}
