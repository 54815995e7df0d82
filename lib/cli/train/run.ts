import { join } from 'node:path';
import { BnLstmError, type FitResult, type HistoryRecord, type Model } from '../../index.js';
import { type InterruptSignal, interruptCodes, onInterrupt } from '../interrupt.js';
import { runFiles, writeRunConfig } from '../run_folder.js';
import type { FlagValues } from './flags.js';
import { makeLoss, makeModel } from './model.js';
import { makeOptimizer } from './optimizer.js';
import { type Plan, planRun } from './plan.js';
import { Progress } from './progress.js';

function heading({ config, data, total, folder }: Plan, model: Model): string {
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

function makeTrainer({ config, task, total }: Plan, model: Model) {
  const { clipNorm, accumulate, recompute, onNaN } = config.training;
  return model.trainer({
    loss: makeLoss(task),
    optimizer: makeOptimizer(config, total),
    clipNorm: clipNorm === 0 ? undefined : clipNorm,
    accumulate,
    recompute,
    onNaN,
  });
}

/**
 * A plan that was asked for has to serve what comes after training, too: better refused before it.
 * @throws ERR_BNLSTM_UNSUPPORTED
 */
function assertPlan({ config, data, task }: Plan, model: Model): void {
  if (config.plan === 'auto') return;
  const passes = [
    { data: data.train, ...config.training },
    { data: data.train, ...config.statistics },
    ...(data.validation ? [{ data: data.validation, ...config.validation }] : []),
  ];
  for (const { data, batchSize } of passes) {
    const rows = Math.min(batchSize, data.count ?? batchSize);
    model.plan({ steps: task.steps, batchSize: rows, training: false });
  }
}

function fitOptions({ config, data, folder, resume }: Plan) {
  const { training, validation, earlyStopping, checkpoint, statistics } = config;
  const { batchSize, iterations, epochs, shuffle, lastBatch, reportEvery } = training;
  return {
    batchSize,
    iterations,
    epochs,
    shuffle,
    lastBatch,
    reportEvery,
    validation: data.validation && { data: data.validation, ...validation },
    earlyStopping,
    directory: folder,
    checkpoint,
    resume,
    statistics,
    configuration: config,
  };
}

/** What is said at the end of a training that was not interrupted. */
function conclusion({ folder, data }: Plan, { stoppedBy, index, best }: FitResult): string {
  const path = (name: keyof typeof runFiles) => join(folder, runFiles[name]);
  if (stoppedBy === 'not-finite') {
    const what = `training has ended at step ${index}, as \`--on-nan stop\` says`;
    throw new BnLstmError('ERR_BNLSTM_NOT_FINITE', `${what}; see ${path('history')}`);
  }
  const result = best
    ? `Best validation at step ${best.index}: loss ${best.loss.toPrecision(4)}\n`
    : '';
  const further = data.test || data.validation ? `, or \`bnlstm evaluate ${folder}\`` : '';
  return `${result}Saved as ${path('model')}; see ${path('report')}${further}`;
}

/** Said before the last pass over the data, which may take long. */
function statisticsNote({ config, data, total }: Plan, record: HistoryRecord): string | undefined {
  if (record.type !== 'step' || record.index !== total || config.model.kind === 'lstm') return;
  // Then they are those of the last validation.
  if (data.validation && config.validation?.statistics === 'population') return;
  const { count = Number.POSITIVE_INFINITY } = data.train;
  const sequences = Math.min(count, config.statistics?.limit ?? Number.POSITIVE_INFINITY);
  const number = Number.isFinite(sequences) ? sequences.toLocaleString('en') : 'all';
  return `Population statistics from ${number} sequences … (--statistics-limit: from fewer)`;
}

/** Trains while the terminal is looked after: progress, records, signals. */
async function attend(plan: Plan, model: Model, json: boolean): Promise<void> {
  const progress = new Progress(process.stdout, plan.total);
  const trainer = makeTrainer(plan, model);
  if (!json) progress.note(heading(plan, model));
  const interrupt = onInterrupt(
    () => say('Finishing the step and saving; once more ends at once.'),
    ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'],
  );
  const say = (text: string) => {
    // Ctrl+C may have ended the reader of a pipe too.
    const pipeIsGone = interrupt.signal.aborted && !process.stdout.isTTY;
    if (json || pipeIsGone) console.error(text);
    else progress.note(text);
  };
  const onRecord = async (record: HistoryRecord) => {
    // The folder is ours by now.
    if (record.type === 'start') await writeRunConfig(plan.folder, plan.config);
    if (json) process.stdout.write(`${JSON.stringify(record)}\n`);
    else progress.record(record);
    const note = json ? undefined : statisticsNote(plan, record);
    if (note === undefined) return;
    progress.finish(); // the last step, above the note
    progress.note(note);
  };
  const erase = () => progress.erase();
  process.on('exit', erase); // also at the second signal
  try {
    const { signal } = interrupt;
    const options = { ...fitOptions(plan), onRecord, signal };
    const result = await trainer.fit(plan.data.train, options);
    if (!json) progress.finish();
    if (result.stoppedBy === 'aborted') {
      const { index, checkpoint } = result;
      const goOn = `go on with \`bnlstm train --resume ${plan.folder}\``;
      say(`Stopped after step ${index}; saved as ${checkpoint}: ${goOn}`);
      process.exitCode = interruptCodes[signal.reason as InterruptSignal];
    } else say(conclusion(plan, result));
  } finally {
    erase();
    process.removeListener('exit', erase);
    interrupt.dispose();
  }
}

/** `bnlstm train` */
export async function runTraining(kind: string | undefined, values: FlagValues): Promise<void> {
  const plan = await planRun(kind, values);
  const model = await makeModel(plan.config, plan.task);
  try {
    assertPlan(plan, model);
    await attend(plan, model, values.json === true);
  } finally {
    await model.dispose();
  }
}
