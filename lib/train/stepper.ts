import { argumentError } from '../check.js';
import type { Batch, DataCursor } from '../data/source.js';
import { BnLstmError, internalError } from '../errors.js';
import type { CarriedState, WindowPlace } from '../nn/carried_state.js';
import { Feed } from '../nn/feed.js';
import type { Network } from '../nn/network.js';
import { type ParameterGroup, segmentsFor } from '../optim/groups.js';
import type { ScheduleMetrics, ScheduleState } from '../optim/schedule.js';
import { ProgramCache } from '../program/cache.js';
import type { Runner } from '../program/profile.js';
import type { Arrays, Program } from '../program/program.js';
import {
  type FailedBatch,
  type FailedStep,
  findNotFinite,
  type NotFinitePlace,
} from './diagnosis.js';
import { MemoryModes, type PlannedMode, type StepMemory } from './memory_mode.js';
import { NotFiniteError } from './not_finite_error.js';
import type { CheckedTrainerOptions } from './options.js';
import { planOf, type StepPlanRecord, shapeOf } from './step_plan.js';
import { type SavedMemory, TrainingMemory } from './training_memory.js';
import { nonFiniteSlot, recordTrainingStep, skippedSlot } from './training_step.js';
import type { StepOutcome } from './turn.js';

/** Norms that a NotFiniteError tells. */
const historyLength = 10;
const cachedPrograms = 32;

/** A step that was started and has not ended. */
interface RunningStep {
  readonly run: Promise<unknown>;
  /** Batches of it. */
  readonly attempts: number;
  /** Versions of the parameters. */
  readonly before: number;
  readonly after: number;
  /** The step before it changed nothing, so that this has not happened. */
  undone: boolean;
}

/** What a trainer has, beside the network: on the host, as it was at one moment. */
export interface SavedTraining extends SavedMemory {
  readonly skippedInRow: number;
  /** Gradient norms of the last steps. */
  readonly norms: readonly number[];
  readonly schedule: ScheduleState | undefined;
  /** Of the last step's batches. */
  readonly planned: PlannedMode | undefined;
}

/** What a step is started with. */
export interface StepInput {
  /** The micro-batches of the step, in their order. */
  readonly feeds: readonly Feed[];
  readonly epoch: number;
}

interface PreparedBatch extends Omit<FailedBatch, 'attempt'> {
  readonly program: Program;
}

interface QueuedBatch extends FailedBatch {
  readonly running: Promise<Arrays>;
}

/**
 * Runs training steps on a network: owns the optimizer's state, the device's record of training and
 * the programs, and sees to it that a step that is not finite changes nothing.
 */
export class Stepper {
  readonly network: Network;
  readonly options: CheckedTrainerOptions;
  readonly memory: TrainingMemory;
  /** Attempted steps. */
  steps = 0;
  /** What of the data training has behind it. */
  cursor: DataCursor = { epoch: 1, batches: 0 };
  /** The next run goes on within an epoch, where the interrupted one was. */
  #resumed = false;
  readonly #programs = new ProgramCache(cachedPrograms);
  #norms: number[] = [];
  #skippedInRow = 0;
  #schedule: ScheduleState | undefined;
  #last: PlannedMode | undefined;
  readonly #modes: MemoryModes;
  readonly #running: RunningStep[] = [];

  constructor(network: Network, options: CheckedTrainerOptions) {
    this.network = network;
    this.options = options;
    this.memory = new TrainingMemory(network, options);
    this.#modes = new MemoryModes(network, options);
    this.#schedule = options.optimizer.schedule?.initial;
    segmentsFor(network.blueprint.parameters, options.groups, options.optimizer); // refused at once
  }

  /** What results depend on, as JSON: to be compared with a checkpoint's. */
  get config(): Readonly<Record<string, unknown>> {
    const { loss, optimizer, clipNorm, groups, onNaN, maxSkips, accumulate } = this.options;
    return {
      loss: loss.kind,
      optimizer: optimizer.config,
      clipNorm,
      groups: groups.map(({ match, ...group }) => ({ match: showMatch(match), ...group })),
      onNaN,
      maxSkips,
      accumulate,
    };
  }

  /**
   * Refuses a schedule that listens to validations where there are none.
   * @throws ERR_BNLSTM_ARGUMENT
   */
  refuseListening(method: string): void {
    const { schedule } = this.options.optimizer;
    if (schedule?.observe === undefined) return;
    const expected = 'a schedule that needs no validation, which `fit` alone has';
    throw argumentError(`${method}: learningRate`, expected, schedule.kind);
  }

  /** Lets the schedule of the learning rate know what a validation has found. */
  observe(metrics: ScheduleMetrics): void {
    const { schedule } = this.options.optimizer;
    if (schedule?.observe && this.#schedule) {
      this.#schedule = schedule.observe(metrics, this.#schedule);
    }
  }

  /** @throws ERR_BNLSTM_ARGUMENT where it is no state of this optimizer's schedule */
  checkSchedule(state: ScheduleState | null): ScheduleState | undefined {
    const { schedule } = this.options.optimizer;
    return schedule?.checkState(state ?? undefined, 'training: schedule');
  }

  /** A copy of all that is not the network's, when no step runs. */
  async save(): Promise<SavedTraining> {
    return {
      ...(await this.memory.save()),
      skippedInRow: this.#skippedInRow,
      norms: [...this.#norms],
      schedule: this.#schedule,
      planned: this.#last,
    };
  }

  /** How the device computes steps, once there was one. */
  get plan(): StepPlanRecord | undefined {
    if (this.#last === undefined) return undefined;
    const { shape, recompute } = this.#last;
    return planOf(this.network, shape, { loss: this.options.loss, recompute });
  }

  /** What a training by batches of the last step's shape takes, once there was one. */
  get stepMemory(): StepMemory | undefined {
    return this.#last && this.#modes.memoryOf(this.#last);
  }

  /** Takes up what `save` gave; the next run goes on where that one was. */
  async restore(saved: SavedTraining): Promise<void> {
    void this.memory.arrays; // where there is no room for them nothing has changed yet
    this.#skippedInRow = saved.skippedInRow;
    this.#last = saved.planned;
    this.#programs.clear(); // their modes may be others
    this.#modes.restore(saved.planned);
    this.#norms = [...saved.norms];
    this.#schedule = saved.schedule;
    this.#resumed = true;
    await this.memory.restore(saved);
  }

  feed(batch: Batch): Feed {
    // Kept for its window, and for looking at it again where its step is not finite.
    const feed = new Feed(this.network, batch, this.options.loss, true);
    this.network.refuseSingleRow(feed);
    return feed;
  }

  /** To be called before a run: it begins a new epoch, unless training was resumed within one. */
  beginRun(): void {
    const { epoch, batches } = this.cursor;
    if (batches > 0 && !this.#resumed) this.cursor = { epoch: epoch + 1, batches: 0 };
  }

  /**
   * Queues a step and waits for it. Steps run in the order in which they were started.
   * @throws NotFiniteError where `onNaN` says so
   */
  async start(
    { feeds, epoch }: StepInput,
    runner: Runner,
    carried?: CarriedState,
  ): Promise<StepOutcome> {
    this.assertAlive();
    const { network } = this;
    const index = this.steps + 1;
    const learningRate = this.options.optimizer.rateAt(index, this.#schedule);
    const before = network.parameters.version;
    // All that can be refused is refused before anything is queued.
    const places = feeds.map((_, i) => ({ first: i === 0, last: i === feeds.length - 1 }));
    const prepared = feeds.map((feed, i) => this.#prepare(feed, places[i], carried));
    const batches = prepared.map((batch) => this.#queue(batch, learningRate, runner));
    this.steps = index;
    this.#resumed = false;
    this.#last = { shape: shapeOf(feeds[0]), recompute: prepared[0].recompute };
    const after = network.parameters.changed();
    const running = Promise.all(batches.map(({ running }) => running));
    const step: RunningStep = {
      run: running,
      attempts: feeds.length,
      before,
      after,
      undone: false,
    };
    this.#running.push(step);
    const results = await running.finally(() => {
      this.#running.splice(this.#running.indexOf(step), 1);
    });
    if (step.undone) throw internalError("the result of a step that was undone is nobody's");

    const { loss, norm, state } = results[results.length - 1];
    const sum = (numbers: readonly number[]) =>
      numbers.reduce((total, number) => total + number, 0);
    const outcome = {
      index,
      epoch,
      size: sum(feeds.map(({ size }) => size)),
      loss: loss[0],
      gradientNorm: norm[0],
      learningRate,
      correct: results[0].correct && sum(results.map(({ correct }) => correct[0])),
      counted: sum(results.map(({ counted }) => counted[0])),
      degenerateSteps: network.countsRows ? sum(feeds.map((feed) => feed.degenerateSteps)) : 0,
    };
    if (state[nonFiniteSlot] !== 0) {
      await this.#undoLater(state[skippedSlot]);
      network.parameters.restored(before, after);
      return this.#notFinite(outcome, { batches, carried });
    }
    const { chunk } = batches[batches.length - 1];
    if (chunk) carried?.advance(chunk);
    this.#skippedInRow = 0;
    this.#norms.push(norm[0]);
    if (this.#norms.length > historyLength) this.#norms.shift();
    return outcome;
  }

  /** The program of one batch of a step, and the place of its chunk. */
  #prepare(feed: Feed, window: WindowPlace, carried: CarriedState | undefined): PreparedBatch {
    const whole = window.first && window.last;
    const chunk = carried?.next(feed, window);
    const recompute = this.#modes.of(shapeOf(feed));
    const plan = {
      ...{ ...this.options, recompute },
      ...this.memory.arrays,
      ...{ sticky: this.options.onNaN !== 'skip', carried },
      window: whole ? undefined : { ...window, memory: this.memory.window },
    };
    const key = [feed.key, window.first, window.last, carried?.key].join();
    const program = this.#programs.get(key, () => recordTrainingStep(this.network, feed, plan));
    if (chunk && !window.last) carried?.advance(chunk, window);
    return { feed, chunk, program, recompute };
  }

  #queue(batch: PreparedBatch, rate: number, runner: Runner): QueuedBatch {
    const { feed, chunk, program, recompute } = batch;
    const attempt = ++this.network.attempts;
    const running = runner(program, {
      ...feed.inputs,
      ...chunk?.inputs,
      attempt: Int32Array.of(attempt),
      learningRate: Float32Array.of(rate),
    });
    this.network.packed.packed();
    return { feed, attempt, chunk, recompute, running };
  }

  /** What to do about a step that changed nothing. */
  async #notFinite(outcome: StepOutcome, failed: FailedStep): Promise<StepOutcome> {
    const { onNaN, maxSkips } = this.options;
    const error = new NotFiniteError({
      step: outcome.index,
      loss: outcome.loss,
      gradientNorm: outcome.gradientNorm,
      history: [...this.#norms],
      skipped: onNaN === 'skip' ? this.#skippedInRow : 0,
      place: await this.#place(failed),
    });
    if (onNaN === 'throw' || (onNaN === 'skip' && ++this.#skippedInRow > maxSkips)) throw error;
    failed.carried?.skip(failed.batches.flatMap(({ chunk }) => chunk ?? []));
    return { ...outcome, notFinite: error };
  }

  /** Looking for the place must not hide what happened: it may need memory that is not there. */
  async #place(failed: FailedStep): Promise<NotFinitePlace | undefined> {
    try {
      return await findNotFinite(this.network, failed, this.options.loss);
    } catch (error) {
      this.assertAlive();
      return { layer: undefined, tensor: `not known (${(error as Error).message})` };
    }
  }

  /**
   * After a step that was not finite: waits for the one that was started after it, which changed
   * nothing as the flag in `state` was set, and makes it one that was never tried.
   */
  async #undoLater(skipped: number): Promise<void> {
    const later = [...this.#running].reverse();
    for (const step of later) step.undone = true;
    await Promise.allSettled(later.map(({ run }) => run));
    for (const { before, after } of later) this.network.parameters.restored(before, after);
    this.steps -= later.length;
    this.network.attempts -= later.reduce((sum, { attempts }) => sum + attempts, 0);
    await this.memory.clearFlag(skipped);
  }

  assertAlive(): void {
    this.network.assertAlive();
    if (this.memory.disposed) {
      throw new BnLstmError('ERR_BNLSTM_DISPOSED', 'the trainer was disposed');
    }
  }

  /** Frees the optimizer's state; the network stays. Idempotent. */
  dispose(): void {
    this.#programs.clear();
    this.memory.dispose();
  }
}

function showMatch(match: ParameterGroup['match']): unknown {
  return match instanceof RegExp ? String(match) : match;
}
