import { basename } from 'node:path';
import type { DataSource } from '../data/source.js';
import type { BnLstmError } from '../errors.js';
import { evaluate } from '../infer/evaluate.js';
import type { EndRecord, HistoryRecord, ValidationRecord } from '../io/history.js';
import { networkFile } from '../nn/network_file.js';
import { putSnapshot, takeSnapshot } from '../nn/snapshot.js';
import { Best } from './best.js';
import {
  checkCheckpoint,
  makeCheckpoint,
  otherTraining,
  type ReadyCheckpoint,
} from './checkpoint.js';
import { estimateStatistics } from './estimate_statistics.js';
import {
  type CheckedFitOptions,
  decisiveOptions,
  type FitResult,
  refuseUnmonitored,
} from './fit_options.js';
import { lastEpoch, startRecord, stepRecord } from './records.js';
import { RunFolder } from './run_folder.js';
import type { Stepper } from './stepper.js';
import type { LoopRecord } from './training_record.js';
import { turns } from './turns.js';

interface Ending {
  readonly stoppedBy: FitResult['stoppedBy'];
  readonly message?: string;
}

/**
 * One whole training: turns of steps, validations, checkpoints and records between them, and what
 * has to happen at its end however it ends. What a resumed run must know of it is a LoopRecord.
 */
export class Fit {
  readonly #stepper: Stepper;
  readonly #data: DataSource;
  readonly #options: CheckedFitOptions;
  #folder: RunFolder | undefined;
  #best = new Best();
  #begin: LoopRecord['begin'];
  #validationDue = false;
  /** Wall time of the run before it was interrupted, and when it went on. */
  #secondsBefore = 0;
  readonly #started = performance.now();
  readonly #warnings: string[] = [];
  #bestIsBack = false;

  constructor(stepper: Stepper, data: DataSource, options: CheckedFitOptions) {
    this.#stepper = stepper;
    this.#data = data;
    this.#options = options;
    refuseUnmonitored(options, stepper.options);
    stepper.beginRun();
    this.#begin = { steps: stepper.steps, epoch: stepper.cursor.epoch };
  }

  async run(): Promise<FitResult> {
    const resumedAt = await this.#open();
    let failed = true;
    try {
      const { stoppedBy, message } = await this.#trainToTheEnd(resumedAt);
      await this.#tellEnd(stoppedBy, message);
      failed = false;
      const { steps, cursor } = this.#stepper;
      return {
        stoppedBy,
        index: steps,
        epoch: lastEpoch(cursor),
        seconds: this.#seconds,
        best: this.#best.result,
        validation: this.#best.last,
        checkpoint: this.#folder?.checkpoint,
      };
    } finally {
      await this.#close(failed);
    }
  }

  async #trainToTheEnd(resumedAt: number | undefined): Promise<Ending> {
    try {
      await this.#tell(startRecord(this.#stepper, this.#options, resumedAt));
      return await this.#finish(await this.#train());
    } catch (error) {
      // The first failure is the one to tell.
      await this.#restoreBest().catch(() => {});
      await this.#tellEnd('failed', messageOf(error)).catch(() => {});
      throw error;
    }
  }

  /** A report that cannot be written is no reason to fail; nor is anything after a failure. */
  async #close(failed: boolean): Promise<void> {
    try {
      await this.#folder?.writeReport();
    } catch (error) {
      const message = `no report: ${messageOf(error)}`;
      await this.#tell({ type: 'warning', index: this.#stepper.steps, message }).catch(() => {});
    }
    try {
      await this.#folder?.close();
    } catch (error) {
      if (!failed) throw error;
    }
  }

  get #seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#started) / 1000;
  }

  /** Takes the folder, and goes on from its newest checkpoint if it has one: after which step? */
  async #open(): Promise<number | undefined> {
    const { directory, checkpoint: settings, resume } = this.#options;
    if (directory === undefined) return undefined;
    const onWarning = (text: string) => this.#warnings.push(text);
    const opened = await RunFolder.open(
      directory,
      { keep: settings.keep, resume, onWarning },
      (path, file) => this.#check(path, checkCheckpoint(this.#stepper, path, file)),
    );
    this.#folder = opened.folder;
    try {
      const { checkpoint } = opened;
      if (checkpoint === undefined) {
        await this.#folder.openHistory(0);
        return undefined;
      }
      await checkpoint.restore();
      await this.#folder.openHistory(checkpoint.loop.historyBytes);
      this.#warnings.push(...checkpoint.warnings);
      this.#best = checkpoint.best;
      this.#begin = checkpoint.loop.begin;
      this.#validationDue = checkpoint.loop.validationDue;
      this.#secondsBefore = checkpoint.loop.seconds;
      return this.#stepper.steps;
    } catch (error) {
      await this.#folder.close().catch(() => {});
      throw error;
    }
  }

  /** Refuses a checkpoint of a run with other options, or of none. */
  #check(path: string, checkpoint: ReadyCheckpoint) {
    const { loop } = checkpoint;
    if (loop === undefined) {
      throw otherTraining(path, ['training: expected that of `fit`, got one with `save`']);
    }
    const own = decisiveOptions(this.#options);
    const differences = Object.keys({ ...own, ...loop.options })
      .map((name) => [name, JSON.stringify(loop.options[name]), JSON.stringify(own[name])])
      .filter(([, there, here]) => there !== here)
      .map(([name, there, here]) => `fit: ${name}: expected ${there}, got ${here}`);
    if (differences.length > 0) throw otherTraining(path, differences);
    return { ...checkpoint, loop };
  }

  async #train(): Promise<Ending> {
    const { signal, validation, checkpoint, reportEvery } = this.#options;
    const stepper = this.#stepper;
    const done = () => stepper.steps - this.#begin.steps;
    const before = done();
    const isDue = (every: number | undefined, steps: number) =>
      every !== undefined && steps % every === 0;
    const endsTurn = (steps: number) =>
      [reportEvery, validation?.every, checkpoint.every].some((every) => isDue(every, steps));

    try {
      signal?.throwIfAborted();
      await this.#validateIfDue();
      if (this.#outOfPatience) return { stoppedBy: 'early-stopping' };
      for await (const event of turns(stepper, this.#data, {
        ...this.#options,
        ...this.#remaining,
        method: 'fit',
        shuffleSeed: this.#options.shuffle ? stepper.network.seed : undefined,
        carried: this.#options.carryState ? stepper.memory.carried('fit') : undefined,
        endsTurn: (steps) => endsTurn(before + steps),
        tellEpochs: true,
      })) {
        if (event.kind === 'steps') {
          await this.#tell(stepRecord(event.result));
          const { notFinite } = event.result;
          if (notFinite && stepper.options.onNaN === 'stop') {
            return { stoppedBy: 'not-finite', message: notFinite.message };
          }
          if (event.cut) continue; // the error comes next
        }
        const due = (every: number | undefined) =>
          event.kind === 'epoch' ? every === undefined : isDue(every, done());
        this.#validationDue ||= validation !== undefined && due(validation.every);
        await this.#validateIfDue();
        if (this.#outOfPatience) return { stoppedBy: 'early-stopping' };
        if (due(checkpoint.every)) await this.#save();
      }
      // Iterations may end within an epoch, or with it.
      if (
        validation &&
        validation.every === undefined &&
        this.#best.last?.index !== stepper.steps
      ) {
        this.#validationDue = true;
        await this.#validateIfDue();
      }
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw error;
      return { stoppedBy: 'aborted' };
    }
    return { stoppedBy: 'finished' };
  }

  /** Steps and epochs to go: a turn of none is no turn. */
  get #remaining(): { iterations: number; epochs: number } {
    const { iterations, epochs } = this.#options;
    const { steps, cursor } = this.#stepper;
    const stepsLeft = this.#begin.steps + iterations - steps;
    const epochsLeft = this.#begin.epoch + epochs - cursor.epoch;
    return { iterations: stepsLeft, epochs: stepsLeft > 0 ? Math.max(0, epochsLeft) : 0 };
  }

  get #outOfPatience(): boolean {
    const { earlyStopping } = this.#options;
    return earlyStopping !== undefined && this.#best.waited >= earlyStopping.patience;
  }

  /** Validates; a checkpoint that is written after an abort says if this has to be done yet. */
  async #validateIfDue(): Promise<void> {
    const { validation: options, earlyStopping, signal, carryState } = this.#options;
    if (!this.#validationDue || options === undefined) return;
    const { data, batchSize, limit, statistics } = options;
    const stepper = this.#stepper;
    const { network } = stepper;
    const reading = { batchSize, limit, carryState, signal };
    if (statistics === 'population' && !(await this.#estimate())) {
      this.#validationDue = false;
      return;
    }
    const { loss } = stepper.options;
    const measured = await evaluate(network, data, { ...reading, statistics, loss }, undefined);
    const result = {
      index: stepper.steps,
      loss: measured.loss,
      ...(measured.accuracy !== undefined && { accuracy: measured.accuracy }),
    };
    const monitor = earlyStopping ?? ({ monitor: 'loss', minDelta: 0 } as const);
    const best = this.#best.isBetter(result, monitor);
    const record: ValidationRecord = {
      type: 'validation',
      epoch: lastEpoch(stepper.cursor),
      ...result,
      ...(network.normalised ? { statistics } : {}),
      best,
    };
    const snapshot = best ? await takeSnapshot(network) : undefined;
    if (snapshot) {
      const best = networkFile(network, snapshot);
      await this.#write('best.safetensors', async () => this.#folder?.saveBest(best));
    }
    stepper.observe(measured);
    this.#best.add(record, earlyStopping && snapshot);
    this.#validationDue = false;
    await this.#tell(record);
  }

  /**
   * Population statistics from training data, by the option `statistics`. Batches that training has
   * passed over are no reason to fail: then there are none, and a warning.
   */
  async #estimate(): Promise<boolean> {
    const { statistics, batchSize, signal, carryState } = this.#options;
    const reading = { ...(statistics || { batchSize }), carryState, signal };
    try {
      await estimateStatistics(this.#stepper.network, this.#data, reading);
      return true;
    } catch (error) {
      const { code, message } = error as BnLstmError;
      const passedOver = this.#stepper.options.onNaN !== 'throw';
      if (code !== 'ERR_BNLSTM_NOT_FINITE' || !passedOver) throw error;
      this.#warnings.push(`no population statistics: ${message}`);
      return false;
    }
  }

  async #save(): Promise<void> {
    const folder = this.#folder;
    const { steps } = this.#stepper;
    if (folder === undefined || folder.has(steps)) return;
    const best = this.#best;
    const path = await this.#write('checkpoint', () =>
      folder.save(steps, (historyBytes) => {
        const record: LoopRecord = {
          options: decisiveOptions(this.#options),
          begin: this.#begin,
          best: best.record,
          validationDue: this.#validationDue,
          historyBytes,
          seconds: this.#seconds,
        };
        return makeCheckpoint(this.#stepper, { record, best });
      }),
    );
    if (path === undefined) return;
    await this.#tell({ type: 'checkpoint', index: steps, file: basename(path) });
  }

  /** Writes a file of the run; what happens if it cannot is for `checkpoint.onError` to say. */
  async #write<T>(what: string, write: () => Promise<T>): Promise<T | undefined> {
    try {
      return await write();
    } catch (error) {
      if (this.#options.checkpoint.onError === 'throw' || !isOfFiles(error)) throw error;
      this.#warnings.push(`no ${what}: ${messageOf(error)}`);
      await this.#tellWarnings();
      return undefined;
    }
  }

  /** What is left to do after training; says how the run ended, now that it has. */
  async #finish(ending: Ending): Promise<Ending> {
    await this.#save();
    await this.#restoreBest();
    if (ending.stoppedBy === 'aborted') return ending;
    const { network } = this.#stepper;
    const { statistics, signal } = this.#options;
    try {
      if (statistics !== false && network.population.status !== 'fresh') await this.#estimate();
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return { stoppedBy: 'aborted' };
      throw error;
    }
    await this.#folder?.saveModel(networkFile(network, await takeSnapshot(network)));
    return ending;
  }

  /** Once: what comes after it, such as statistics, must not be undone. */
  async #restoreBest(): Promise<void> {
    const { result, snapshot } = this.#best;
    if (this.#bestIsBack || snapshot === undefined) return;
    this.#bestIsBack = true;
    if (result?.index !== this.#stepper.steps) await putSnapshot(this.#stepper.network, snapshot);
  }

  async #tellEnd(stoppedBy: EndRecord['stoppedBy'], message: string | undefined): Promise<void> {
    const best = this.#best.result;
    await this.#tell({
      type: 'end',
      index: this.#stepper.steps,
      epoch: lastEpoch(this.#stepper.cursor),
      stoppedBy,
      ...(message !== undefined && { message }),
      seconds: this.#seconds,
      ...(best && { best }),
    });
  }

  async #tell(record: HistoryRecord): Promise<void> {
    await this.#tellWarnings();
    try {
      await this.#folder?.add(record);
    } catch (error) {
      if (this.#options.checkpoint.onError === 'throw') throw error;
      const message = `not in the history: ${messageOf(error)}`;
      await this.#options.onRecord?.({ type: 'warning', index: this.#stepper.steps, message });
    }
    await this.#options.onRecord?.(record);
  }

  async #tellWarnings(): Promise<void> {
    for (const message of this.#warnings.splice(0)) {
      await this.#tell({ type: 'warning', index: this.#stepper.steps, message });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isOfFiles(error: unknown): boolean {
  const { code } = (error ?? {}) as Partial<BnLstmError>;
  return code === 'ERR_BNLSTM_IO' || code === 'ERR_BNLSTM_BUSY';
}
