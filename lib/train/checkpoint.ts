/**
 * A checkpoint is the file of a model with more in it: tensors whose names begin with `training.`,
 * and a record of the rest as JSON in the metadata `training`. Whoever loads it as a model passes
 * those over. docs/files.md names everything.
 */
import * as check from '../check.js';
import type { DataCursor } from '../data/source.js';
import { BnLstmError } from '../errors.js';
import type { Tensor } from '../io/safetensors.js';
import type { SavedState } from '../nn/carried_state.js';
import {
  configOf,
  type FileContent,
  networkFile,
  snapshotFrom,
  trainingPrefix,
} from '../nn/network_file.js';
import type { StatisticsStatus } from '../nn/population_status.js';
import { putSnapshot, takeSnapshot } from '../nn/snapshot.js';
import type { ScheduleState } from '../optim/schedule.js';
import { Best, type BestRecord } from './best.js';
import type { Stepper } from './stepper.js';
import { stateSlots } from './training_step.js';

/** What only a loop knows, beside the trainer. */
export interface LoopRecord {
  /** What results depend on, of the loop's options. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where the trainer was when the run began. */
  readonly begin: { readonly steps: number; readonly epoch: number };
  readonly best: BestRecord;
  /** A validation is due before the next step. */
  readonly validationDue: boolean;
  /** Of the history's file, in bytes. */
  readonly historyBytes: number;
  /** Wall time of the run so far. */
  readonly seconds: number;
}

/** The metadata `training`. */
export interface TrainingRecord {
  /** Of the trainer: what results depend on. */
  readonly trainer: Readonly<Record<string, unknown>>;
  readonly device: string;
  readonly steps: number;
  readonly cursor: DataCursor;
  readonly skippedInRow: number;
  /** Gradient norms of the last steps; null: not finite. */
  readonly norms: readonly (number | null)[];
  readonly schedule: ScheduleState | null;
  /** Of carried state: rows that there is room for. */
  readonly carriedRows: number;
  readonly loop: LoopRecord | null;
}

const stateName = `${trainingPrefix}state`;
const slotName = (index: number) => `${trainingPrefix}optimizer.${index}`;
const carriedName = `${trainingPrefix}carried`;
const carriedStepsName = `${trainingPrefix}carried_steps`;
const bestPrefix = `${trainingPrefix}best.`;

/** Everything of a trainer at this moment, when no step runs. */
export async function makeCheckpoint(
  stepper: Stepper,
  loop: { readonly record: LoopRecord; readonly best: Best } | undefined,
): Promise<FileContent> {
  const { network } = stepper;
  // Queued at once: all of it belongs to one moment.
  const [snapshot, saved] = await Promise.all([takeSnapshot(network), stepper.save()]);
  const { tensors, metadata } = networkFile(network, snapshot);
  const flat = (data: Float32Array | Int32Array): Tensor => ({
    dtype: data instanceof Int32Array ? 'I32' : 'F32',
    shape: [data.length],
    data,
  });
  tensors.set(stateName, flat(saved.state));
  for (const [index, slot] of saved.slots.entries()) tensors.set(slotName(index), flat(slot));
  if (saved.carried) {
    tensors.set(carriedName, flat(saved.carried.values));
    tensors.set(carriedStepsName, flat(saved.carried.steps));
  }
  for (const [name, tensor] of loop?.best.tensors(network, bestPrefix) ?? []) {
    tensors.set(name, tensor);
  }
  const record: TrainingRecord = {
    trainer: stepper.config,
    device: network.stream.device,
    steps: stepper.steps,
    cursor: stepper.cursor,
    skippedInRow: saved.skippedInRow,
    norms: saved.norms,
    schedule: saved.schedule ?? null,
    carriedRows: saved.carried?.rows ?? 0,
    loop: loop?.record ?? null,
  };
  return { tensors, metadata: { ...metadata, training: JSON.stringify(record) } };
}

/** A checkpoint that was read and fits; nothing has been changed yet. */
export interface ReadyCheckpoint {
  readonly loop: LoopRecord | undefined;
  readonly best: Best;
  /** Puts it into network and trainer. */
  restore(): Promise<void>;
}

/**
 * Checks a file against a trainer and its network.
 * @throws ERR_BNLSTM_FORMAT where it is no checkpoint or is damaged; ERR_BNLSTM_CHECKPOINT with all
 * differences where it belongs to another model, trainer or device
 */
export function checkCheckpoint(
  stepper: Stepper,
  path: string,
  file: FileContent,
): ReadyCheckpoint {
  const { metadata, tensors } = file;
  if (metadata.format !== 'bnlstm' || metadata.training === undefined) {
    const got = metadata.format === 'bnlstm' ? 'a model without its training' : 'another file';
    throw new BnLstmError('ERR_BNLSTM_FORMAT', `${path}: expected a checkpoint, got ${got}`);
  }
  try {
    const { network } = stepper;
    const record = parseRecord(metadata.training);
    refuseDifferences(path, stepper, metadata.config, record);
    const status = checkStatus(metadata.statistics, 'statistics');
    const attempts = check.integer(Number(metadata.attempts), 'attempts', { min: 0 });
    const snapshot = snapshotFrom(network, tensors, status);
    const saved = {
      state: numbers(tensors, stateName, Int32Array, stateSlots),
      slots: Array.from({ length: stepper.options.optimizer.slots }, (_, index) =>
        numbers(tensors, slotName(index), Float32Array, network.blueprint.parameterCount),
      ),
      carried: savedState(stepper, tensors, record.carriedRows),
      skippedInRow: record.skippedInRow,
      norms: record.norms.map((norm) => norm ?? Number.NaN),
      schedule: stepper.checkSchedule(record.schedule),
    };
    const best = new Best();
    if (record.loop) {
      best.restore(record.loop.best, (bestStatus) =>
        snapshotFrom(network, tensors, checkStatus(bestStatus, 'best: status'), bestPrefix),
      );
    }
    const restore = async () => {
      network.attempts = attempts;
      stepper.steps = record.steps;
      stepper.cursor = record.cursor;
      await Promise.all([putSnapshot(network, snapshot), stepper.restore(saved)]);
    };
    return { loop: record.loop ?? undefined, best, restore };
  } catch (cause) {
    // What would be a user's mistake elsewhere is one of the file here.
    const itsFault =
      cause instanceof SyntaxError ||
      cause instanceof RangeError || // too deep to be compared
      (cause as BnLstmError).code === 'ERR_BNLSTM_ARGUMENT';
    if (!itsFault) throw cause;
    throw new BnLstmError('ERR_BNLSTM_FORMAT', `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Where results could not be those of a run that was never interrupted. */
function refuseDifferences(
  path: string,
  stepper: Stepper,
  config: string | undefined,
  record: TrainingRecord,
): void {
  const { network } = stepper;
  const differences: string[] = [];
  const compare = (name: string, here: unknown, there: unknown) => {
    const [own, other] = [JSON.stringify(here), JSON.stringify(there)];
    if (own !== other) differences.push(`${name}: expected ${other}, got ${own}`);
  };
  const here = configOf(network);
  const there = JSON.parse(config ?? '{}') as typeof here;
  for (const key of ['input', 'seed', 'dtype'] as const) compare(key, here[key], there[key]);
  const count = Math.max(here.layers.length, there.layers?.length ?? 0);
  for (let i = 0; i < count; i++) compare(`layer ${i}`, here.layers[i], there.layers?.[i]);
  compare('device', network.stream.device, record.device);
  const keys = new Set([...Object.keys(stepper.config), ...Object.keys(record.trainer)]);
  for (const key of keys) compare(`trainer: ${key}`, stepper.config[key], record.trainer[key]);
  throwDifferences(path, differences);
}

/** @throws ERR_BNLSTM_CHECKPOINT if there are any */
export function throwDifferences(path: string, differences: readonly string[]): void {
  if (differences.length === 0) return;
  const list = differences.join('; ');
  throw new BnLstmError('ERR_BNLSTM_CHECKPOINT', `${path}: made with something else: ${list}`);
}

function parseRecord(text: string): TrainingRecord {
  const record = object(JSON.parse(text) as TrainingRecord, 'training');
  const whole = (value: unknown, name: string, min = 0) => check.integer(value, name, { min });
  whole(record.steps, 'training: steps');
  whole(record.cursor?.epoch, 'training: cursor.epoch', 1);
  whole(record.cursor?.batches, 'training: cursor.batches');
  whole(record.skippedInRow, 'training: skippedInRow');
  whole(record.carriedRows, 'training: carriedRows');
  check.string(record.device, 'training: device');
  if (!Array.isArray(record.norms)) {
    throw check.argumentError('training: norms', 'an array', check.show(record.norms));
  }
  object(record.trainer, 'training: trainer');
  if (record.loop !== null) {
    const { begin, options, historyBytes, seconds, validationDue } = object(
      record.loop,
      'training: loop',
    );
    object(options, 'training: loop.options');
    whole(begin?.steps, 'training: loop.begin.steps');
    whole(begin?.epoch, 'training: loop.begin.epoch', 1);
    whole(historyBytes, 'training: loop.historyBytes');
    check.number(seconds, 'training: loop.seconds', { min: 0 });
    check.boolean(validationDue, 'training: loop.validationDue');
  }
  return record;
}

function object<T>(value: T, name: string): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw check.argumentError(name, 'an object', check.show(value));
}

function checkStatus(value: unknown, name: string): StatisticsStatus {
  return check.oneOf(value, name, ['missing', 'fresh', 'stale']);
}

function numbers<T extends Float32Array | Int32Array>(
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  type: { new (length: number): T },
  length: number,
): T {
  const data = tensors.get(name)?.data;
  if (data instanceof type && data.length === length) return data;
  const got = data === undefined ? 'none' : check.show(data);
  throw check.argumentError(`tensor ${name}`, `${type.name} of ${length}`, got);
}

function savedState(
  stepper: Stepper,
  tensors: ReadonlyMap<string, Tensor>,
  rows: number,
): SavedState | undefined {
  if (rows === 0) return undefined;
  const steps = tensors.get(carriedStepsName)?.data;
  if (!(steps instanceof Int32Array) || steps.length > rows) {
    const expected = `Int32Array of at most ${rows}`;
    throw check.argumentError(`tensor ${carriedStepsName}`, expected, check.show(steps));
  }
  check.elements(steps, `tensor ${carriedStepsName}`, 0, 2 ** 30);
  const count = stepper.memory.carried('resume').valuesFor(rows);
  return { rows, steps, values: numbers(tensors, carriedName, Float32Array, count) };
}
