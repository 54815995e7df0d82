import { argumentError, show } from '../../check.js';
import {
  BnLstmError,
  csvData,
  type DataForm,
  type DataSource,
  type FileSource,
  mnist,
  npyData,
  npzData,
} from '../../index.js';
import { withCsv } from '../../io/csv.js';
import type { DataConfig, FileConfig, NpySet } from './data_schema.js';
import { nearest } from './nearest.js';
import type { RunConfig } from './schema.js';
import { split } from './split.js';

/** The data of a run. */
export interface RunData {
  readonly train: DataSource;
  readonly validation?: DataSource | undefined;
  readonly test?: DataSource | undefined;
  /** Of the training data. */
  readonly form: DataForm;
}

async function openMnist(data: Extract<DataConfig, { kind: 'mnist' }>): Promise<RunData> {
  const { pixelOrder, permutationSeed: seed, directory } = data;
  const { train, valid: validation, test, order } = await mnist({ pixelOrder, seed, directory });
  const form: DataForm = {
    count: train.count,
    steps: order.length,
    lengths: false,
    inputs: 'reals',
    features: 1,
    targets: 'classes',
    classes: 10,
    perStep: false,
  };
  return { train, validation, test, form };
}

/** One of the sets of files. */
function openFile(data: FileConfig, set: NpySet): Promise<FileSource> {
  if (data.kind === 'npy') {
    const { kind: _, train, validation, test, validationShare, ...options } = data;
    return typeof set === 'string' ? npzData(set, options) : npyData({ ...set, ...options });
  }
  const { kind: _, train, validation, test, validationShare, ...options } = data;
  return csvData(set as string, options).catch((error) => {
    throw withHint(error, options.targets);
  });
}

/** Where classes have names, or are no classes: what says so. */
function withHint(error: unknown, targets: unknown): unknown {
  const { code, message } = error as BnLstmError;
  const isOfTarget = message.includes(`column ${show(targets)}: expected a`);
  if (code !== 'ERR_BNLSTM_DATA' || !isOfTarget) return error;
  const hint = 'names of classes: --classes NAME,...; numbers to predict: --target-kind reals';
  return new BnLstmError(code, `${message} (${hint})`, { cause: error });
}

/** @throws ERR_BNLSTM_ARGUMENT for a column that there is not, with the nearest */
function checkColumns(names: readonly string[], columns: Readonly<Record<string, unknown>>): void {
  for (const [flag, value] of Object.entries(columns)) {
    for (const column of [value].flat()) {
      if (typeof column !== 'string' || names.includes(column)) continue;
      const meant = nearest(column, names);
      const some = names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '');
      const expected = `one of the columns ${some}`;
      const got = show(column) + (meant === undefined ? '' : ` (did you mean ${meant}?)`);
      throw argumentError(`--${flag}`, expected, got);
    }
  }
}

/**
 * The configuration with the columns that inputs are taken from, which another table, to predict,
 * must have too.
 */
export async function settleData(data: DataConfig): Promise<DataConfig> {
  if (data.kind !== 'csv') return data;
  const { targets, inputs, sequence, time, delimiter, header } = data;
  const taken = [targets, sequence, time].flat().filter((column) => column !== undefined);
  return withCsv(data.train, { delimiter, header }, 'train', async (csv) => {
    checkColumns(csv.names, { target: targets, columns: inputs, sequence, time });
    if (inputs !== undefined) return data;
    const places = taken.map((column) => csv.place(column, 'data: targets, sequence, time'));
    return { ...data, inputs: csv.names.filter((_, place) => !places.includes(place)) };
  });
}

/**
 * Opens the data of a configuration; the seed divides them, where a share is for validation.
 * @throws what `csvData`, `npyData`, `npzData` and `mnist` throw, ERR_BNLSTM_ARGUMENT
 */
export async function openData(data: DataConfig, seed: number): Promise<RunData> {
  if (data.kind === 'mnist') return openMnist(data);
  const { validation, test, validationShare } = data;
  if (validation !== undefined && validationShare > 0) {
    throw argumentError(
      'data.validationShare',
      'none beside data.validation',
      `${validationShare}`,
    );
  }
  const some = async (set: NpySet | undefined) =>
    set === undefined ? undefined : openFile(data, set);
  const all = await openFile(data, data.train);
  const parts =
    validationShare > 0
      ? await split(all, seed, data)
      : { train: all, validation: await some(validation) };
  return { ...parts, test: await some(test), form: all.form };
}

export const setNames = ['train', 'validation', 'test'] as const;
export type SetName = (typeof setNames)[number];

/** The sets that a configuration has. */
export function setsOf(data: DataConfig): readonly SetName[] {
  if (data.kind === 'mnist') return setNames;
  const { validation, test, validationShare } = data;
  const there = { train: true, validation: validation ?? validationShare > 0, test };
  return setNames.filter((name) => there[name]);
}

/** One of the sets, without reading those that it does not need. As `openData`. */
export async function openSet(data: DataConfig, seed: number, name: SetName): Promise<DataSource> {
  const isFile = data.kind !== 'mnist' && (name === 'test' || data.validationShare === 0);
  const set = isFile ? data[name] : undefined;
  if (isFile && set !== undefined) return openFile(data, set);
  return (await openData(data, seed))[name] as DataSource;
}

/**
 * Sequences to predict, read as the configuration says of its own, whose targets may be missing.
 * @param lengths path of the .npy file with the steps of each sequence
 */
export async function openInputs(
  file: string,
  config: RunConfig | undefined,
  lengths: string | undefined,
): Promise<FileSource> {
  const data = config?.data;
  if (file.endsWith('.csv')) {
    if (data?.kind !== 'csv') {
      throw argumentError('--input', 'a .npy or .npz file, as in training', file);
    }
    const { targets, targetKind, classes, perStep, ...rest } = data;
    return openFile(rest as FileConfig, file);
  }
  const options = data?.kind === 'npy' ? data : undefined;
  const { tokens = config?.task.vocabulary === undefined ? undefined : true, byteScale } =
    options ?? {};
  if (file.endsWith('.npz')) return npzData(file, { tokens, byteScale });
  return npyData({ inputs: file, lengths, tokens, byteScale });
}
