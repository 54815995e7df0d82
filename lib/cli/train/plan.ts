import { join } from 'node:path';
import { argumentError } from '../../check.js';
import { refuseOldRun, runFiles, stepsDone } from '../run_folder.js';
import { readConfig } from './config.js';
import { openData, type RunData, settleData } from './data.js';
import { type FlagValues, resumableFlags, trainFlags } from './flags.js';
import { settleModel } from './model.js';
import type { RunConfig } from './schema.js';
import { findTask, type Task } from './task.js';

/** A run that is about to begin, or to go on. */
export interface Plan {
  /** With nothing left to be chosen. */
  readonly config: RunConfig;
  readonly task: Task;
  readonly data: RunData;
  /** Training steps in all, where the size of the data tells. */
  readonly total: number | undefined;
  readonly folder: string;
  readonly resume: boolean;
}

/** `runs/mnist-2026-11-26-203015` */
function defaultFolder(kind: string): string {
  const time = new Date().toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');
  return join('runs', `${kind}-${time}`);
}

function refuseOtherFlags(kind: string | undefined, values: FlagValues): void {
  const names = Object.keys({ ...trainFlags, out: 0, config: 0 });
  const flag = names.find((name) => name in values && !Object.hasOwn(resumableFlags, name));
  if (flag === undefined && kind === undefined) return;
  const may = Object.keys(resumableFlags).map((name) => `--${name}`);
  const expected = `nothing but ${may.join(', ')} and --json with it`;
  throw argumentError('--resume', expected, flag === undefined ? `${kind}` : `--${flag}`);
}

async function choose(kind: string | undefined, values: FlagValues) {
  const { out, resume, config: file } = values as Readonly<Record<string, string | undefined>>;
  if (resume !== undefined) {
    refuseOtherFlags(kind, values);
    const config = await readConfig({ file: join(resume, runFiles.config), flags: values });
    return { config, folder: resume, resume: true };
  }
  const config = await readConfig({ kind, file, flags: values });
  const folder = out ?? defaultFolder(config.data.kind);
  await refuseOldRun(folder);
  return { config, folder, resume: false };
}

function totalSteps({ training }: RunConfig, { train }: RunData): number | undefined {
  const { iterations, epochs = 0, batchSize, lastBatch, accumulate } = training;
  const { count } = train;
  if (count !== undefined && count < batchSize && lastBatch === 'drop') {
    const expected = `at most ${count}, the number of sequences (or --last-batch keep)`;
    throw argumentError('--batch-size', expected, `${batchSize}`);
  }
  if (iterations !== undefined || count === undefined) return iterations;
  const whole = Math.floor(count / batchSize);
  const batches = lastBatch === 'keep' ? Math.ceil(count / batchSize) : Math.max(1, whole);
  return epochs * Math.ceil(batches / accumulate);
}

/** A single row has no statistics of its batch. */
function refuseOneRow({ model, training, data, validation }: RunConfig, sets: RunData): void {
  if (model.kind === 'lstm') return;
  if (training.batchSize === 1) {
    throw argumentError('--batch-size', 'at least 2, as the model normalises batches', '1');
  }
  if (sets.validation?.count !== 1 || validation?.statistics === 'population') return;
  const isShare = data.kind !== 'mnist' && data.validationShare > 0;
  const flag = isShare ? '--validation-share' : '--validation';
  throw argumentError(flag, 'at least 2 sequences, as the model normalises batches', '1');
}

/** Refuses to end before the place where the run is. */
async function refuseLess(folder: string, values: FlagValues, total: number | undefined) {
  const flag = ['iterations', 'epochs'].find((name) => name in values);
  if (flag === undefined || total === undefined) return;
  const done = await stepsDone(folder);
  if (total >= done) return;
  const expected = `at least the ${done} steps that the run has done (nothing to do)`;
  throw argumentError(`--${flag}`, expected, `${total} steps`);
}

/**
 * What the command line asks for, with the data read.
 * @throws as `readConfig` and `openData`; ERR_BNLSTM_ARGUMENT
 */
export async function planRun(kind: string | undefined, values: FlagValues): Promise<Plan> {
  const chosen = await choose(kind, values);
  const settled = await settleData(chosen.config.data);
  const data = await openData(settled, chosen.config.seed);
  if (chosen.config.earlyStopping && !data.validation) {
    throw argumentError('--patience', 'data for validation with it', 'none');
  }
  const task = findTask(chosen.config.task, data.form);
  const model = settleModel(chosen.config, task);
  const config = { ...chosen.config, data: settled, task, model };
  refuseOneRow(config, data);
  const total = totalSteps(config, data);
  if (chosen.resume) await refuseLess(chosen.folder, values, total);
  return { ...chosen, config, task, data, total };
}
