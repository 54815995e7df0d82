import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { argumentError, show } from '../check.js';
import { ioError, replaceFile } from '../io/atomic.js';

/** The files of a training run, beside its checkpoints `step-*.safetensors`. */
export const runFiles = {
  config: 'config.json',
  history: 'history.jsonl',
  /** With the best weights of all validations. */
  best: 'best.safetensors',
  /** As it was when training had ended. */
  model: 'model.safetensors',
  report: 'report.html',
} as const;

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw ioError(`cannot read ${folder}`, cause);
  }
}

const checkpoint = /^step-\d+\.safetensors$/;

/**
 * Refuses the folder of another run for a new one, before work is done for it.
 * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_IO
 */
export async function refuseOldRun(folder: string): Promise<void> {
  if (!(await stat(folder).catch(() => undefined))) return; // will be made
  // What has no weights is of a try that failed, or is locked.
  const files: readonly string[] = [runFiles.best, runFiles.model];
  const old = (await names(folder)).find((name) => files.includes(name) || checkpoint.test(name));
  if (old === undefined) return;
  const expected = `a folder without a run (\`bnlstm train --resume ${folder}\` goes on with it)`;
  throw argumentError('--out', expected, `one with ${old}`);
}

export async function writeRunConfig(folder: string, config: unknown): Promise<void> {
  const text = `${JSON.stringify(config, null, 2)}\n`;
  await replaceFile(join(folder, runFiles.config), [new TextEncoder().encode(text)]);
}

/** Steps that the newest checkpoint has; none: 0. */
export async function stepsDone(folder: string): Promise<number> {
  const found = (await names(folder)).filter((name) => checkpoint.test(name));
  return Math.max(0, ...found.map((name) => Number.parseInt(name.slice('step-'.length), 10)));
}

/** What a path stands for: a file of a model, and the folder of the run that it belongs to. */
export interface RunModel {
  readonly file: string;
  readonly folder: string;
}

/**
 * The model at a path: the file itself, or that of a run's folder: as it was when training had ended,
 * else the best so far, else the last checkpoint.
 * @throws ERR_BNLSTM_ARGUMENT for a folder without any; ERR_BNLSTM_IO
 */
export async function findModel(path: string): Promise<RunModel> {
  let isFolder = false;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (cause) {
    throw ioError(`cannot read ${path}`, cause);
  }
  if (!isFolder && /\.(csv|npy|npz|jsonl?|html)$/.test(path)) {
    const expected = 'a file of a model, or the folder of a run';
    throw argumentError('path', expected, `${show(path)}, which is not a model file`);
  }
  if (!isFolder) return { file: path, folder: dirname(path) };
  const files = await names(path);
  const found =
    [runFiles.model, runFiles.best].find((name) => files.includes(name)) ??
    files
      .filter((name) => checkpoint.test(name))
      .sort()
      .at(-1);
  if (found !== undefined) return { file: join(path, found), folder: path };
  throw argumentError('path', 'a file of a model, or the folder of a run', show(path));
}
