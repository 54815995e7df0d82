import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as check from '../../check.js';
import { BnLstmError } from '../../errors.js';
import { ioError } from '../../io/atomic.js';
import { findDuplicateKey } from '../../io/json.js';
import { persistentRows } from '../../ops/bn_lstm.js';
import { configError } from './config_error.js';
import { mapDataFiles } from './data_schema.js';
import { type FlagValues, readFlags } from './flags.js';
import { type RunConfig, runSchema } from './schema.js';

type Json = Record<string, unknown>;

/**
 * The object in a JSON file.
 * @throws ERR_BNLSTM_IO; ERR_BNLSTM_FORMAT if it is not JSON or has a key twice
 */
export async function readJson(path: string): Promise<Json> {
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw ioError(`cannot read ${path}`, cause);
  }
  const refuse = (reason: string, cause?: unknown) =>
    new BnLstmError('ERR_BNLSTM_FORMAT', `${path}: ${reason}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse(`it is not JSON: ${(cause as Error).message}`, cause);
  }
  if (!check.isObject(value)) throw refuse('it is not a JSON object');
  const twice = findDuplicateKey(text);
  if (twice !== undefined) throw refuse(`it has ${JSON.stringify(twice)} twice`);
  return value;
}

/** What is taken where a flag such as `--hidden` says nothing of the kind. */
const defaultKinds: Readonly<Record<string, string>> = {
  model: 'bn-lstm',
  optimizer: 'rmsprop',
  schedule: 'constant',
};

/** Puts a value where a flag wants it; objects on the way are made. */
function put(into: Json, [key, ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    into[key] = value;
    return;
  }
  if (into[key] === undefined) {
    const kind = defaultKinds[key];
    into[key] = kind === undefined ? {} : { kind };
  }
  // What is no object here is refused by the schema.
  if (check.isObject(into[key])) put(into[key], rest, value);
}

/** Where nothing is said of the passes after training, they have no more rows than the plan takes. */
function limitRows(input: Json): void {
  if (input.plan !== 'persistent' && input.plan !== 'overlapped') return;
  for (const pass of ['validation', 'statistics']) {
    const given = input[pass] ?? {};
    if (check.isObject(given)) input[pass] = { batchSize: persistentRows, ...given };
  }
}

export interface ConfigSource {
  /** mnist, csv or npy, as it was typed; absent: the file says. */
  readonly kind?: string | undefined;
  /** Of a configuration file. */
  readonly file?: string | undefined;
  readonly flags?: FlagValues;
}

/**
 * A configuration from a file and flags, which win over it; files of data in it are absolute.
 * @throws ERR_BNLSTM_ARGUMENT naming the flag, or the place in the file; as `readJson`
 */
export async function readConfig({ kind, file, flags = {} }: ConfigSource): Promise<RunConfig> {
  const input = file === undefined ? {} : await readJson(file);
  const given = readFlags(flags);
  const base = check.isObject(input.data) ? input.data : {};
  if (kind !== undefined) {
    check.oneOf(kind, 'train: kind', ['mnist', 'csv', 'npy']);
    // Other data altogether: what the file says of its own means nothing for them.
    input.data = base.kind === kind ? { ...base, kind } : { kind };
  } else if (file === undefined) {
    throw check.argumentError(
      'train',
      'mnist, csv or npy, or --config or --resume',
      'none of them',
    );
  }
  refuseArrays(input, given);
  for (const { path, value } of given) put(input, path, value);
  replaceTotal(input, given);
  limitRows(input);
  if (file === undefined) refuseMissing(input);
  const parsed = runSchema.safeParse(input);
  if (!parsed.success) {
    throw configError(parsed.error, input, (path) => {
      const place = path.map(String).join('.');
      const flag =
        given.find((each) => each.path.join('.') === place) ??
        given.find((each) => place !== '' && each.path.join('.').startsWith(`${place}.`));
      if (flag) return `--${flag.flag}`;
      return file === undefined ? place : `${file}${place === '' ? '' : `: ${place}`}`;
    });
  }
  const folder = file === undefined ? '.' : dirname(file);
  const { $schema: _, ...config } = parsed.data;
  return {
    ...config,
    data: mapDataFiles(config.data, (path) => resolve(folder, path)),
    training: withTotal(config.training),
  };
}

/** What a command line has to name, in its words. */
function refuseMissing({ data }: Json): void {
  if (!check.isObject(data)) return;
  if (data.kind === 'csv' && data.train !== undefined && data.targets === undefined) {
    const expected = 'the column of the class or value to be learned';
    throw check.argumentError('--target', expected, 'none');
  }
  if (data.train !== undefined || data.kind === 'mnist') return;
  const expected = data.kind === 'csv' ? 'a file' : 'a file, or --inputs and --targets';
  throw check.argumentError('--train', expected, 'none');
}

/** Arrays belong to npy data; inputs take the place of a whole set, whose targets are others. */
function refuseArrays({ data }: Json, given: ReturnType<typeof readFlags>): void {
  if (!check.isObject(data)) return;
  const arrays = given.filter(({ path }) => path[0] === 'data' && path.length === 3);
  for (const { flag, path } of arrays) {
    if (data.kind === 'csv') {
      throw check.argumentError(`--${flag}`, 'only known options of data "csv"', `"${flag}"`);
    }
    if (path[2] === 'inputs') data[path[1]] = {};
  }
  for (const { flag, path } of arrays) {
    const set = data[path[1]];
    if (typeof set !== 'string') continue;
    throw check.argumentError(`--${flag}`, 'inputs with it', `the file ${set}`);
  }
}

/** Ten epochs where nothing is said. */
function withTotal(training: RunConfig['training']): RunConfig['training'] {
  const { iterations, epochs } = training;
  if (iterations !== undefined && epochs !== undefined) {
    throw check.argumentError('training: iterations, epochs', 'one of them', 'both');
  }
  return iterations === undefined ? { ...training, epochs: epochs ?? 10 } : training;
}

/** A total on the command line takes the place of the other one in the file. */
function replaceTotal({ training }: Json, given: ReturnType<typeof readFlags>): void {
  const named = (name: string) => given.some(({ flag }) => flag === name);
  if (!check.isObject(training) || named('iterations') === named('epochs')) return;
  delete training[named('iterations') ? 'epochs' : 'iterations'];
}
