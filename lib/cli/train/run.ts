import { join } from 'node:path';
import { argumentError } from '../../check.js';
import { BnLstmError, type FitResult, type HistoryRecord, type Model } from '../../index.js';
import { type Interrupt, type InterruptSignal, interruptCodes, onInterrupt } from '../interrupt.js';
import { makeRunFolder, runFiles, writeRunConfig } from '../run_folder.js';
import { readConfig } from './config.js';
import { openData, type RunData, settleData } from './data.js';
import { type FlagValues, resumableFlags, trainFlags } from './flags.js';
import { makeLoss, makeModel, settleModel } from './model.js';
import { makeOptimizer } from './optimizer.js';
import { Progress } from './progress.js';
import type { RunConfig } from './schema.js';
import { findTask, type Task } from './task.js';

/** A run that is about to begin, or to go on. */
interface Plan {
  readonly config: RunConfig;
  readonly folder: string;
  readonly resume: boolean;
}

/** `runs/mnist-2026-11-26-203015` */
function defaultFolder(kind: string): string {
  const time = new Date().toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');
  return join('runs', `${kind}-${time}`);
}

async function makePlan(kind: string | undefined, values: FlagValues): Promise<Plan> {
  const { out, resume, config: file } = values as Readonly<Record<string, string | undefined>>;
  if (resume === undefined) {
    const config = await readConfig({ kind, file, flags: values });
    return { config, folder: out ?? defaultFolder(config.data.kind), resume: false };
  }
  const fixed = Object.keys({ ...trainFlags, out: 0, config: 0 });
  const refused = fixed.find((name) => name in values && !Object.hasOwn(resumableFlags, name));
  if (refused !== undefined || kind !== undefined) {
    const may = Object.keys(resumableFlags).map((name) => `--${name}`);
    const expected = `nothing but ${may.join(', ')} and --json with it`;
    throw argumentError('--resume', expected, refused === undefined ? `${kind}` : `--${refused}`);
  }
  const config = await readConfig({ file: join(resume, runFiles.config), flags: values });
  return { config, folder: resume, resume: true };
}

/** Training steps in all, where the size of the data tells. */
function totalSteps({ training }: RunConfig, { train }: RunData): number | undefined {
  const { iterations, epochs = 0, batchSize, lastBatch } = training;
  if (iterations !== undefined) return iterations;
  if (train.count === undefined) return undefined;
  const batches = train.count / batchSize;
  const inEpoch = lastBatch === 'keep' ? Math.ceil(batches) : Math.floor(batches);
  return epochs * (lastBatch === 'merge' ? Math.max(1, inEpoch) : inEpoch);
}

function heading({ config, folder }: Plan, model: Model, data: RunData, total?: number): string {
  const { kind, layers, hidden, bidirectional, dtype } = config.model;
  const { train, validation } = data;
  const number = (value: number | undefined) => value?.toLocaleString('en') ?? 'some';
  const shape = `${layers === 1 ? '' : `${layers} layers of `}${hidden} hidden units`;
  const both = bidirectional ? ' in both directions' : '';
  const held = validation ? `, ${number(validation.count)} for validation` : '';
  return [
    `${kind}, ${shape}${both}, ${number(model.parameterCount)} parameters, ${dtype} on ${model.device}`,
    `${number(train.count)} training sequences${held}; ${number(total)} steps of ${config.training.batchSize}`,
    `Run in ${folder}`,
  ].join('\n');
}

function fitOptions({ config, folder, resume }: Plan, { validation }: RunData) {
  const { training, earlyStopping, checkpoint, statistics } = config;
  const { batchSize, iterations, epochs, shuffle, lastBatch, reportEvery } = training;
  if (earlyStopping && !validation) {
    throw argumentError('earlyStopping', 'data for validation with it', 'none');
  }
  return {
    batchSize,
    iterations,
    epochs,
    shuffle,
    lastBatch,
    reportEvery,
    validation: validation && { data: validation, ...config.validation },
    earlyStopping,
    directory: folder,
    checkpoint,
    resume,
    statistics,
    configuration: config,
  };
}

/** What is said at the end, and the exit code. */
async function conclude(
  { folder }: Plan,
  { stoppedBy, index, best, checkpoint }: FitResult,
  { signal }: Interrupt,
  say: (text: string) => void,
): Promise<void> {
  const goOn = `go on with \`bnlstm train --resume ${folder}\``;
  if (stoppedBy === 'aborted') {
    say(`Stopped after step ${index}; saved as ${checkpoint}: ${goOn}`);
    process.exitCode = interruptCodes[signal.reason as InterruptSignal];
    return;
  }
  if (stoppedBy === 'not-finite') {
    const what = `training has ended at step ${index}, as \`--on-nan stop\` says`;
    throw new BnLstmError(
      'ERR_BNLSTM_NOT_FINITE',
      `${what}; see ${join(folder, runFiles.history)}`,
    );
  }
  const file = join(folder, runFiles.model);
  if (best) say(`Best validation at step ${best.index}: loss ${best.loss.toPrecision(4)}`);
  say(`Saved as ${file}; see ${join(folder, runFiles.report)}, or \`bnlstm evaluate ${folder}\``);
}

async function train(plan: Plan, task: Task, data: RunData, json: boolean): Promise<void> {
  const { config } = plan;
  const total = totalSteps(config, data);
  const model = await makeModel(config, task);
  try {
    const progress = new Progress(process.stdout, total);
    const say = (text: string) => {
      // Ctrl+C may have ended the reader of a pipe too.
      const toPipe = interrupt.signal.aborted && !process.stdout.isTTY;
      if (json || toPipe) console.error(text);
      else progress.note(text);
    };
    const erase = () => progress.erase();
    process.on('exit', erase); // also at the second Ctrl+C
    if (!json) progress.note(heading(plan, model, data, total));
    const interrupt = onInterrupt(
      () => say('Finishing the step and saving; once more ends at once.'),
      ['SIGINT', 'SIGTERM', 'SIGPIPE'],
    );
    try {
      const { clipNorm, accumulate, recompute, onNaN } = config.training;
      const trainer = model.trainer({
        loss: makeLoss(task),
        optimizer: makeOptimizer(config, total),
        clipNorm: clipNorm === 0 ? undefined : clipNorm,
        accumulate,
        recompute,
        onNaN,
      });
      const onRecord = async (record: HistoryRecord) => {
        // The folder is ours by now.
        if (record.type === 'start') await writeRunConfig(plan.folder, config);
        if (json) process.stdout.write(`${JSON.stringify(record)}\n`);
        else progress.record(record);
      };
      const options = fitOptions(plan, data);
      const { signal } = interrupt;
      const result = await trainer.fit(data.train, { ...options, onRecord, signal });
      if (!json) progress.finish();
      await conclude(plan, result, interrupt, say);
    } finally {
      erase();
      process.removeListener('exit', erase);
      interrupt.dispose();
    }
  } finally {
    await model.dispose();
  }
}

/** `bnlstm train` */
export async function runTraining(kind: string | undefined, values: FlagValues): Promise<void> {
  const plan = await makePlan(kind, values);
  const settled = await settleData(plan.config.data);
  const data = await openData(settled, plan.config.seed);
  const task = findTask(plan.config.task, data.form);
  const config = { ...plan.config, data: settled, task, model: settleModel(plan.config, task) };
  if (!plan.resume) await makeRunFolder(plan.folder);
  await train({ ...plan, config }, task, data, values.json === true);
}
