import * as check from '../check.js';
import type { Batch, DataSource } from '../data/source.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors.js';
import type { Network } from '../nn/network.js';
import { checkDataSource } from '../nn/reading.js';
import { type Profile, Profiler, plainRunner, type Runner } from '../program/profile.js';
import { checkCheckpoint, makeCheckpoint } from './checkpoint.js';
import { Fit } from './fit.js';
import { checkFitOptions, type FitOptions, type FitResult } from './fit_options.js';
import {
  checkRunOptions,
  checkTrainerOptions,
  type RunOptions,
  type StepOptions,
  type TrainerOptions,
} from './options.js';
import { Stepper } from './stepper.js';
import type { TrainerMemory } from './training_memory.js';
import { type StepResult, Turn } from './turn.js';
import { type TurnsOptions, turns } from './turns.js';

/**
 * Trains one model with one loss and optimizer, whose state it owns. Made by `model.trainer`.
 * Statistics are those of each batch; every step is one program on the device.
 */
export class Trainer {
  readonly #stepper: Stepper;

  /** @internal */
  constructor(network: Network, options: TrainerOptions) {
    network.assertAlive();
    this.#stepper = new Stepper(network, checkTrainerOptions(options));
    if (!network.blueprint.parameters.some(({ trainable }) => trainable)) {
      throw check.argumentError('trainer: model', 'trainable parameters', 'none');
    }
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
    const stepper = this.#stepper;
    stepper.assertAlive();
    const { shuffle, carryState, reportEvery, ...checked } = checkRunOptions(options);
    stepper.refuseListening('run');
    return this.#run(checkDataSource(data, 'run: data'), {
      ...checked,
      method: 'run',
      shuffleSeed: shuffle ? stepper.network.seed : undefined,
      carried: carryState ? stepper.memory.carried('run') : undefined,
      endsTurn: (steps) => steps % reportEvery === 0,
      tellEpochs: false,
    });
  }

  /**
   * A whole training: steps with validations, checkpoints, early stopping and a history between
   * them, and population statistics at the end. Killed at any moment and called again with
   * `resume: true`, it gives the same bits as one that was never interrupted, on a source that is
   * `seekable` or has `resume`. A later `fit` goes on counting steps and epochs.
   * @throws what `step` throws, what data throw; ERR_BNLSTM_BUSY where another process trains in the
   * folder; ERR_BNLSTM_IO; to resume: ERR_BNLSTM_CHECKPOINT, ERR_BNLSTM_NOT_RESUMABLE,
   * ERR_BNLSTM_FORMAT, ERR_BNLSTM_CHECKSUM. An aborted `signal` is no error
   */
  async fit(data: DataSource, options: FitOptions): Promise<FitResult> {
    const stepper = this.#stepper;
    stepper.assertAlive();
    const checked = checkFitOptions(options);
    checkDataSource(data, 'fit: data');
    const unlock = stepper.network.lockTraining();
    try {
      return await new Fit(stepper, data, checked).run();
    } finally {
      unlock();
    }
  }

  /**
   * Writes a checkpoint: the model with all that training needs to go on, in one piece as
   * `model.save` does. `load` opens it as a model.
   * @throws ERR_BNLSTM_BUSY while a loop or step runs, ERR_BNLSTM_IO, ERR_BNLSTM_ARGUMENT,
   * ERR_BNLSTM_DISPOSED
   */
  async save(path: string): Promise<void> {
    const stepper = this.#stepper;
    stepper.assertAlive();
    check.string(path, 'save: path');
    const unlock = stepper.network.lockTraining();
    try {
      const { tensors, metadata } = await makeCheckpoint(stepper, undefined);
      await writeSafetensors(path, tensors, metadata);
    } finally {
      unlock();
    }
  }

  /**
   * Takes a checkpoint up, of a trainer with the same options on a model with the same layers. The
   * next `run` goes on within the epoch. If it fails, nothing has changed.
   * @throws ERR_BNLSTM_CHECKPOINT with all differences, ERR_BNLSTM_FORMAT, ERR_BNLSTM_CHECKSUM,
   * ERR_BNLSTM_IO, ERR_BNLSTM_BUSY, ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DISPOSED
   */
  async restore(path: string): Promise<void> {
    const stepper = this.#stepper;
    stepper.assertAlive();
    check.string(path, 'restore: path');
    const unlock = stepper.network.lockTraining();
    try {
      const { restore } = checkCheckpoint(stepper, path, await readSafetensors(path));
      await restore();
    } finally {
      unlock();
    }
  }

  /** What it takes on the device now, beside its model; and what each `recompute` takes. */
  memory(): TrainerMemory {
    this.#stepper.assertAlive();
    return { ...this.#stepper.memory.bytes, step: this.#stepper.stepMemory };
  }

  /** Frees the optimizer's state; the model stays. Idempotent. */
  dispose(): void {
    this.#stepper.dispose();
  }

  async #step(
    batch: Batch,
    options: StepOptions | undefined,
    method: string,
    runner: Runner,
  ): Promise<StepResult> {
    const stepper = this.#stepper;
    stepper.assertAlive();
    stepper.refuseListening(method);
    const { carryState = false } = check.options(options, method, ['carryState']);
    const carries = check.boolean(carryState, `${method}: carryState`);
    const carried = carries ? stepper.memory.carried(method) : undefined;
    const unlock = stepper.network.lockTraining();
    try {
      const turn = new Turn();
      const feeds = [stepper.feed(batch)];
      turn.add(await stepper.start({ feeds, epoch: 0 }, runner, carried));
      return turn.result();
    } finally {
      unlock();
    }
  }

  async *#run(data: DataSource, options: TurnsOptions) {
    const unlock = this.#stepper.network.lockTraining();
    try {
      this.#stepper.beginRun();
      for await (const event of turns(this.#stepper, data, options)) {
        if (event.kind === 'steps') yield event.result;
      }
    } finally {
      unlock();
    }
  }
}
