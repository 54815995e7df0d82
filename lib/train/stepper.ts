import type { Batch, DataCursor } from '../data/source.js';
import { BnLstmError, internalError } from '../errors.js';
import type { NativeArray } from '../native.js';
import { CarriedState } from '../nn/carried_state.js';
import { Feed } from '../nn/feed.js';
import type { Network } from '../nn/network.js';
import { ProgramCache } from '../program/cache.js';
import type { Runner } from '../program/profile.js';
import { type FailedStep, findNotFinite, type NotFinitePlace } from './diagnosis.js';
import { NotFiniteError } from './not_finite_error.js';
import type { checkTrainerOptions } from './options.js';
import {
  nonFiniteSlot,
  recordTrainingStep,
  type StepPlan,
  skippedSlot,
  stateSlots,
} from './training_step.js';
import type { StepOutcome } from './turn.js';

/** Norms that a NotFiniteError tells. */
const historyLength = 10;
const cachedPrograms = 32;

/** A step that was started and has not ended. */
interface RunningStep {
  readonly run: Promise<unknown>;
  /** Versions of the parameters. */
  readonly before: number;
  readonly after: number;
  /** The step before it changed nothing, so that this has not happened. */
  undone: boolean;
}

/** What a step is started with. */
export interface StepInput {
  /** The micro-batches of the step, in their order. */
  readonly feeds: readonly Feed[];
  readonly epoch: number;
}

/**
 * Runs training steps on a network: owns the optimizer's state, the device's record of training and
 * the programs, and sees to it that a step that is not finite changes nothing.
 */
export class Stepper {
  readonly network: Network;
  readonly options: ReturnType<typeof checkTrainerOptions>;
  /** Attempted steps. */
  steps = 0;
  /** What of the data training has behind it. */
  cursor: DataCursor = { epoch: 1, batches: 0 };
  /** The next run goes on within an epoch, where the interrupted one was. */
  #resumed = false;
  readonly #programs = new ProgramCache(cachedPrograms);
  #norms: number[] = [];
  #skippedInRow = 0;
  #memory: { readonly state: NativeArray; readonly slots: readonly NativeArray[] } | undefined;
  /** Where the last step with `carryState` has ended. */
  #carried: CarriedState | undefined;
  readonly #running: RunningStep[] = [];
  #disposed = false;

  constructor(network: Network, options: ReturnType<typeof checkTrainerOptions>) {
    this.network = network;
    this.options = options;
  }

  feed(batch: Batch): Feed {
    const feed = new Feed(this.network, batch, this.options.loss);
    this.network.refuseSingleRow(feed);
    return feed;
  }

  /** To be called before a run: it begins a new epoch, unless training was resumed within one. */
  beginRun(): void {
    const { epoch, batches } = this.cursor;
    if (batches > 0 && !this.#resumed) this.cursor = { epoch: epoch + 1, batches: 0 };
    this.#resumed = false;
  }

  carry(method: string): CarriedState {
    this.#carried ??= new CarriedState(this.network, method);
    return this.#carried;
  }

  async start(
    { feeds, epoch }: StepInput,
    runner: Runner,
    carried?: CarriedState,
  ): Promise<StepOutcome> {
    this.assertAlive();
    const { network } = this;
    const [feed] = feeds;
    const index = this.steps + 1;
    const learningRate = this.options.optimizer.rateAt(index);
    const chunk = carried?.next(feed);
    const plan = { ...this.#plan(), carried };
    const key = carried ? `${feed.key} ${carried.key}` : feed.key;
    const program = this.#programs.get(key, () => recordTrainingStep(network, feed, plan));
    this.steps = index;
    const attempt = ++network.attempts;

    const before = network.parameters.version;
    const running = runner(program, {
      ...feed.inputs,
      ...chunk?.inputs,
      attempt: Int32Array.of(attempt),
      learningRate: Float32Array.of(learningRate),
    });
    network.packed.packed();
    const after = network.parameters.changed();
    const step: RunningStep = { run: running, before, after, undone: false };
    this.#running.push(step);
    const { loss, norm, correct, counted, state } = await running.finally(() => {
      this.#running.splice(this.#running.indexOf(step), 1);
    });
    if (step.undone) throw internalError("the result of a step that was undone is nobody's");
    const outcome = {
      index,
      epoch,
      size: feed.size,
      loss: loss[0],
      gradientNorm: norm[0],
      learningRate,
      correct: correct?.[0],
      counted: counted[0],
      degenerateSteps: network.countsRows ? feed.degenerateSteps : 0,
    };
    if (state[nonFiniteSlot] !== 0) {
      await this.#undoLater(state[skippedSlot]);
      network.parameters.restored(before, after);
      return this.#notFinite(outcome, { feed, attempt, carried, chunk });
    }
    if (chunk) carried?.advance(chunk);
    this.#skippedInRow = 0;
    this.#norms.push(norm[0]);
    if (this.#norms.length > historyLength) this.#norms.shift();
    return outcome;
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
    return { ...outcome, notFinite: error };
  }

  /** Looking for the place must not hide what happened: it may need memory that is not there. */
  async #place(failed: FailedStep): Promise<NotFinitePlace | undefined> {
    try {
      return await findNotFinite(this.network, failed, this.options);
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
    this.network.attempts -= later.length;
    const { state } = this.#plan();
    await this.network.stream.write(state, skippedSlot * 4, Int32Array.of(skipped, 0));
  }

  #plan(): Omit<StepPlan, 'carried'> {
    const { stream, blueprint } = this.network;
    const { optimizer } = this.options;
    this.#memory ??= {
      state: stream.array(stateSlots * Int32Array.BYTES_PER_ELEMENT),
      slots: Array.from({ length: optimizer.slots }, () =>
        stream.array(blueprint.parameterCount * Float32Array.BYTES_PER_ELEMENT),
      ),
    };
    return { ...this.options, ...this.#memory, sticky: this.options.onNaN !== 'skip' };
  }

  assertAlive(): void {
    this.network.assertAlive();
    if (this.#disposed) throw new BnLstmError('ERR_BNLSTM_DISPOSED', 'the trainer was disposed');
  }

  /** Frees the optimizer's state; the network stays. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#programs.clear();
    this.#memory?.state.dispose();
    for (const slot of this.#memory?.slots ?? []) slot.dispose();
    this.#memory = undefined;
    this.#carried?.dispose();
  }
}
