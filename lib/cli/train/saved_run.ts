import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { argumentError } from '../../check.js';
import { load, type Model } from '../../index.js';
import { integerOption } from '../command.js';
import { findModel, type RunModel, runFiles } from '../run_folder.js';
import { readConfig } from './config.js';
import { dataFlags, type FlagValues, namedSets } from './flags.js';
import type { RunConfig } from './schema.js';

type Texts = Readonly<Record<string, string | undefined>>;

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The configuration that belongs to a model, with what flags say of its data; undefined: none. */
async function configOf({ folder }: RunModel, values: FlagValues): Promise<RunConfig | undefined> {
  const { config: given, data: kind } = values as Texts;
  const own = join(folder, runFiles.config);
  const file = given ?? ((await exists(own)) ? own : undefined);
  const flags = Object.fromEntries(
    Object.entries(values).filter(([name]) => Object.hasOwn(dataFlags, name)),
  );
  if (file !== undefined || kind !== undefined) {
    const config = await readConfig({ kind, file, flags });
    const named = namedSets(flags);
    const { data } = config;
    if (data.kind === 'mnist' || !(named.has('train') || named.has('validation'))) return config;
    // The share of the run was of its own sequences.
    return { ...config, data: { ...data, validationShare: 0 } };
  }
  const [flag] = Object.keys(flags);
  if (flag === undefined) return undefined;
  throw argumentError(`--${flag}`, '--data or --config with it', 'neither');
}

export interface SavedRun {
  readonly file: string;
  readonly config: RunConfig | undefined;
  readonly model: Model;
}

/** Loads the model at a path, on the device that the flags `device` and `threads` choose. */
export async function openSavedRun(path: string, values: FlagValues): Promise<SavedRun> {
  const { device, threads } = values as Texts;
  const found = await findModel(path);
  const config = await configOf(found, values);
  const threadCount = integerOption(threads, 'threads', { min: 1 });
  const model = await load(found.file, { device, threads: threadCount });
  return { file: found.file, config, model };
}
