import { argumentError } from '../check.js';
import type { DataSource } from '../data/source.js';
import type { BnLstmError } from '../errors.js';
import { evaluate } from '../infer/evaluate.js';
import type { HistoryRecord, ValidationRecord } from '../io/history.js';
import { networkFile } from '../nn/network_file.js';
import { putSnapshot, takeSnapshot } from '../nn/snapshot.js';
import { Best } from './best.js';
import {
  checkCheckpoint,
  type LoopRecord,
  makeCheckpoint,
  type ReadyCheckpoint,
  throwDifferences,
} from './checkpoint.js';
import { estimateStatistics } from './estimate_statistics.js';
import { type CheckedFitOptions, decisiveOptions, type FitResult } from './fit_options.js';
import { lastEpoch, startRecord, stepRecord } from './records.js';
import { RunFolder } from './run_folder.js';
import type { Stepper } from './stepper.js';
import { turns } from './turns.js';

type StoppedBy = FitResult['stoppedBy'];

/**
 * One whole training: turns of steps, validations, checkpoints and records between them, and what
 * has to happen at its end however it ends. All that a resumed run must know is in `#loop`.
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

  constructor(stepper: Stepper, data: DataSource, options: CheckedFitOptions) {
    this.#stepper = stepper;
    this.#data = data;
    this.#options = options;
    if (stepper.options.optimizer.schedule?.observe && options.validation === undefined) {
      throw argumentError('fit: validation', 'data for the schedule to listen to', 'none');
    }
    stepper.beginRun();
    this.#begin = { steps: stepper.steps, epoch: stepper.cursor.epoch };
  }

  async run(): Promise<FitResult> {
    const resumedAt = await this.#open();
    let stoppedBy: StoppedBy | 'failed' = 'failed';
    let message: string | undefined;
    try {
      await this.#tellStart(resumedAt);
      ({ stoppedBy, message } = await this.#train());
      stoppedBy = await this.#finish(stoppedBy);
      await this.#tellEnd(stoppedBy, message);
    } catch (error) {
      // The first failure is the one to tell.
      await this.#restoreBest().catch(() => {});
      await this.#tellEnd('failed', (error as Error).message).catch(() => {});
      await this.#folder?.close().catch(() => {});
      throw error;
    }
    await this.#folder?.close();
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
      await this.#folder.openHistory(checkpoint.loop.historyBytes);
      await checkpoint.restore();
      this.#stepper.beginRun();
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
      throwDifferences(path, ['training: expected that of `fit`, got one with `save`']);
      throw new Error('unreachable');
    }
    const own = decisiveOptions(this.#options);
    const differences = Object.keys({ ...own, ...loop.options })
      .map((name) => [name, JSON.stringify(loop.options[name]), JSON.stringify(own[name])])
      .filter(([, there, here]) => there !== here)
      .map(([name, there, here]) => `fit: ${name}: expected ${there}, got ${here}`);
    throwDifferences(path, differences);
    return { ...checkpoint, loop };
  }

  async #train(): Promise<{ stoppedBy: StoppedBy; message?: string }> {
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
        }
        const due = (every: number | undefined) =>
          event.kind === 'epoch' ? every === undefined : isDue(every, done());
        this.#validationDue ||= validation !== undefined && due(validation.every);
        await this.#validateIfDue();
        if (this.#outOfPatience) return { stoppedBy: 'early-stopping' };
        if (due(checkpoint.every)) await this.#save();
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
    if (statistics === 'population') await this.#estimate();
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
    if (snapshot) await this.#folder?.saveBest(networkFile(network, snapshot));
    stepper.observe(measured);
    this.#best.add(record, snapshot);
    this.#validationDue = false;
    await this.#tell(record);
  }

  /** Population statistics from training data, by the option `statistics`. */
  async #estimate(): Promise<void> {
    const { statistics, batchSize, signal, carryState } = this.#options;
    const reading = { ...(statistics || { batchSize }), carryState, signal };
    await estimateStatistics(this.#stepper.network, this.#data, reading);
  }

  async #save(): Promise<void> {
    const folder = this.#folder;
    const { steps } = this.#stepper;
    if (folder === undefined || folder.has(steps)) return;
    const best = this.#best;
    try {
      const path = await folder.save(steps, (historyBytes) => {
        const record: LoopRecord = {
          options: decisiveOptions(this.#options),
          begin: this.#begin,
          best: best.record,
          validationDue: this.#validationDue,
          historyBytes,
          seconds: this.#seconds,
        };
        return makeCheckpoint(this.#stepper, { record, best });
      });
      await this.#tell({
        type: 'checkpoint',
        index: steps,
        file: path.slice(folder.path.length + 1),
      });
    } catch (error) {
      if (this.#options.checkpoint.onError === 'throw') throw error;
      const message = `no checkpoint: ${(error as Error).message}`;
      await this.#tell({ type: 'warning', index: steps, message });
    }
  }

  /** What is left to do after training; says how the run ended, now that it has. */
  async #finish(stoppedBy: StoppedBy): Promise<StoppedBy> {
    await this.#save();
    await this.#restoreBest();
    if (stoppedBy === 'aborted') return stoppedBy;
    const { network } = this.#stepper;
    const { statistics, signal } = this.#options;
    try {
      if (statistics !== false && network.population.status !== 'fresh') await this.#estimate();
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return 'aborted';
      const { code, message } = error as BnLstmError;
      // Batches that training has skipped are no reason to fail in the end.
      if (code !== 'ERR_BNLSTM_NOT_FINITE' || this.#stepper.options.onNaN !== 'skip') throw error;
      this.#warnings.push(`no population statistics: ${message}`);
    }
    await this.#folder?.saveModel(networkFile(network, await takeSnapshot(network)));
    return stoppedBy;
  }

  async #restoreBest(): Promise<void> {
    const { result, snapshot } = this.#best;
    if (this.#options.earlyStopping === undefined || snapshot === undefined) return;
    if (result?.index === this.#stepper.steps) return;
    await putSnapshot(this.#stepper.network, snapshot);
  }

  async #tellStart(resumedAt: number | undefined): Promise<void> {
    await this.#tell(startRecord(this.#stepper, this.#options, resumedAt));
  }

  async #tellEnd(stoppedBy: StoppedBy | 'failed', message: string | undefined): Promise<void> {
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
    for (const message of this.#warnings.splice(0)) {
      await this.#tell({ type: 'warning', index: this.#stepper.steps, message });
    }
    await this.#folder?.add(record);
    await this.#options.onRecord?.(record);
  }
}
