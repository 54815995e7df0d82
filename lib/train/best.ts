import * as check from '../check.js';
import type { ValidationRecord } from '../io/history.js';
import type { Tensor } from '../io/safetensors.js';
import type { Network } from '../nn/network.js';
import { snapshotTensors } from '../nn/network_file.js';
import type { Snapshot } from '../nn/snapshot.js';
import type { BestResult } from './fit_options.js';

/** What a checkpoint holds of it, beside the tensors. */
export interface BestRecord {
  readonly result: BestResult | null;
  /** Validations since then. */
  readonly waited: number;
  readonly last: ValidationRecord | null;
  /** Of the snapshot's statistics; null: there is no snapshot. */
  readonly status: string | null;
}

export interface Monitor {
  readonly monitor: 'loss' | 'accuracy';
  readonly minDelta: number;
}

/** The validations of a run: which one was best, how long ago, and the network as it was then. */
export class Best {
  #result: BestResult | undefined;
  #waited = 0;
  #last: ValidationRecord | undefined;
  #snapshot: Snapshot | undefined;

  get result(): BestResult | undefined {
    return this.#result;
  }

  /** Validations in a row that were no better. */
  get waited(): number {
    return this.#waited;
  }

  get last(): ValidationRecord | undefined {
    return this.#last;
  }

  /** The network at the best validation. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Whether a result is better than all before it. One that is not finite never is. */
  isBetter(result: BestResult, { monitor, minDelta }: Monitor): boolean {
    const value = result[monitor] ?? Number.NaN;
    const best = this.#result?.[monitor];
    if (best === undefined || !Number.isFinite(value)) return Number.isFinite(value);
    return monitor === 'loss' ? value < best - minDelta : value > best + minDelta;
  }

  /** Takes a validation up; `snapshot` is for the best one. */
  add(validation: ValidationRecord, snapshot: Snapshot | undefined): void {
    const { index, loss, accuracy, best } = validation;
    this.#last = validation;
    if (!best) {
      this.#waited++;
      return;
    }
    this.#result = { index, loss, ...(accuracy !== undefined && { accuracy }) };
    this.#waited = 0;
    this.#snapshot = snapshot;
  }

  get record(): BestRecord {
    return {
      result: this.#result ?? null,
      waited: this.#waited,
      last: this.#last ?? null,
      status: this.#snapshot?.status ?? null,
    };
  }

  /** The snapshot's tensors, for a checkpoint. */
  tensors(network: Network, prefix: string): Map<string, Tensor> {
    return this.#snapshot ? snapshotTensors(network, this.#snapshot, prefix) : new Map();
  }

  /**
   * Takes up what a checkpoint holds; `snapshot` gives its tensors.
   * @throws ERR_BNLSTM_ARGUMENT where the record is none
   */
  restore(record: BestRecord, snapshot: (status: string) => Snapshot): void {
    const keys = ['result', 'waited', 'last', 'status'];
    const { result, waited, last, status } = check.options(
      check.object(record, 'training: best'),
      'training: best',
      keys,
    );
    if (result !== null) checkResult(result, 'training: best.result');
    // A loss that is not finite is null in JSON.
    const lastOne = last && { ...last, loss: (last.loss as number | null) ?? Number.NaN };
    if (last !== null) checkResult({ ...last, loss: 0 }, 'training: best.last');
    this.#result = result ?? undefined;
    this.#waited = check.integer(waited, 'training: best.waited', { min: 0 });
    this.#last = lastOne ?? undefined;
    this.#snapshot = status === null ? undefined : snapshot(status);
  }
}

function checkResult(result: BestResult, name: string): void {
  const { index, loss, accuracy } = check.object(result, name);
  check.integer(index, `${name}.index`, { min: 0 });
  check.number(loss, `${name}.loss`);
  if (accuracy !== undefined) check.number(accuracy, `${name}.accuracy`, { min: 0, max: 1 });
}
