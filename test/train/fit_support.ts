import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  DataSource,
  FitOptions,
  FitResult,
  HistoryRecord,
  Layer,
  Model,
  ModelOptions,
  Trainer,
  TrainerOptions,
} from '../../lib/index.js';
import { readSafetensors } from '../../lib/io/safetensors.js';
import { withModel } from '../model/support.js';

/** A folder that is gone afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bnlstm-fit-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is trained, and how; made anew for every run, as another process would. */
export interface Training {
  readonly model: ModelOptions;
  readonly layers: readonly Layer[];
  readonly trainer: () => TrainerOptions;
  readonly data: () => DataSource;
  readonly options: FitOptions;
}

export interface Run {
  readonly result: FitResult;
  readonly records: readonly HistoryRecord[];
}

/** Trains on a new model with new everything. */
export async function trainAnew(
  { model, layers, trainer, data, options }: Training,
  further: Partial<FitOptions> = {},
  inspect: (model: Model, trainer: Trainer) => Promise<void> = async () => {},
): Promise<Run> {
  return withModel(model, layers, async (made) => {
    const its = made.trainer(trainer());
    const records: HistoryRecord[] = [];
    const onRecord = (record: HistoryRecord) => {
      records.push(record);
      return further.onRecord?.(record);
    };
    const result = await its.fit(data(), { ...options, ...further, onRecord });
    await inspect(made, its);
    return { result, records };
  });
}

/** Trains until a step has been reported, then stops as Ctrl-C would. */
export async function trainUntil(
  training: Training,
  step: number,
  further: Partial<FitOptions>,
): Promise<Run> {
  const controller = new AbortController();
  const onRecord = (record: HistoryRecord) => {
    if (record.type === 'step' && record.index >= step) controller.abort();
  };
  return trainAnew(training, { ...further, onRecord, signal: controller.signal });
}

/** All that a checkpoint or model file holds, but for times and the length of the history. */
export async function contentOf(path: string): Promise<Record<string, unknown>> {
  const { tensors, metadata } = await readSafetensors(path);
  const { training, ...rest } = metadata;
  const record = training === undefined ? {} : JSON.parse(training);
  if (record.loop) {
    delete record.loop.seconds;
    delete record.loop.historyBytes;
  }
  const bytes = ({ data }: { data: Float32Array | Int32Array }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  return {
    ...Object.fromEntries([...tensors].map(([name, tensor]) => [name, bytes(tensor)])),
    ...rest,
    record,
  };
}
