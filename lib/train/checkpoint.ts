/**
 * A checkpoint is the file of a model with more in it: tensors whose names begin with `training.`,
 * and a record of the rest as JSON in the metadata `training`. Whoever loads it as a model passes
 * those over. docs/files.md names everything.
 */
import * as check from '../check.js';
import { deviceModel } from '../device.js';
import { BnLstmError } from '../errors.js';
import type { Tensor } from '../io/safetensors.js';
import { maxFirstStep, type SavedState, startsAnew } from '../nn/carried_state.js';
import type { Network } from '../nn/network.js';
import {
  configOf,
  type FileContent,
  networkFile,
  snapshotFrom,
  trainingPrefix,
} from '../nn/network_file.js';
import type { StatisticsStatus } from '../nn/population_status.js';
import { putSnapshot, takeSnapshot } from '../nn/snapshot.js';
import { VERSION } from '../version.js';
import { Best } from './best.js';
import { planOf } from './step_plan.js';
import type { Stepper } from './stepper.js';
import { type LoopRecord, parseRecord, type TrainingRecord } from './training_record.js';
import { stateSlots } from './training_step.js';

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
    version: VERSION,
    device: computedOn(network),
    plan: stepper.plan ?? null,
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
  /** What training can go on in spite of. */
  readonly warnings: readonly string[];
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
      norms: record.norms.map((norm) => (typeof norm === 'number' ? norm : Number.NaN)),
      schedule: stepper.checkSchedule(record.schedule),
      planned: record.plan ?? undefined,
    };
    const best = new Best();
    if (record.loop) {
      best.restore(record.loop.best, (bestStatus) =>
        snapshotFrom(network, tensors, checkStatus(bestStatus, 'best: status'), bestPrefix),
      );
    }
    const restore = async () => {
      const restoring = stepper.restore(saved);
      network.attempts = attempts;
      stepper.steps = record.steps;
      stepper.cursor = record.cursor;
      await Promise.all([restoring, putSnapshot(network, snapshot)]);
    };
    const warnings =
      record.version === VERSION
        ? []
        : [`${path}: written by bnlstm ${record.version}, not ${VERSION}: bits may differ`];
    return { warnings, loop: record.loop ?? undefined, best, restore };
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

/** What the bits of results are those of. */
function computedOn({ stream, tf32 }: Network): string {
  return deviceModel(stream.device) + (tf32 ? ', TF32' : '');
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
  compare('device', computedOn(network), record.device);
  if (record.plan) {
    const { shape, ops, recompute } = record.plan;
    const { loss, recompute: asked } = stepper.options;
    compare('plan', planOf(network, shape, { loss, recompute }).ops, ops);
    if (asked !== 'auto') compare('recompute', asked, recompute);
  }
  const keys = new Set([...Object.keys(stepper.config), ...Object.keys(record.trainer)]);
  for (const key of keys) compare(`trainer: ${key}`, stepper.config[key], record.trainer[key]);
  if (differences.length > 0) throw otherTraining(path, differences);
}

/** Tells what a checkpoint was made with, and what it is to be used with. */
export function otherTraining(path: string, differences: readonly string[]): BnLstmError {
  const list = differences.join('; ');
  return new BnLstmError('ERR_BNLSTM_CHECKPOINT', `${path}: made with something else: ${list}`);
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
  check.elements(steps, `tensor ${carriedStepsName}`, startsAnew, maxFirstStep);
  const count = stepper.memory.carried('resume').valuesFor(rows);
  return { rows, steps, values: numbers(tensors, carriedName, Float32Array, count) };
}
