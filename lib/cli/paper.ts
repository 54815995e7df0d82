import { mkdir } from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import * as check from '../check.js';
import { type Command, integerOption, numberOption, type Values } from './command.js';
import { onInterrupt } from './interrupt.js';
import type { Choice, Experiment, LearningExperiment } from './paper/experiment.js';
import { gradientFlow } from './paper/gradient_flow.js';
import { learn } from './paper/learning.js';
import { gammaSweep, permutedMnist, sequentialMnist } from './paper/mnist.js';
import { recallGamma } from './paper/recall.js';
import { heading, writeResults } from './paper/results.js';
import { exists, takeUp, validationInterval } from './paper/resume.js';
import { statisticsOverTime } from './paper/statistics.js';

const experiments: readonly Experiment[] = [
  sequentialMnist,
  permutedMnist,
  gammaSweep,
  recallGamma,
  gradientFlow,
  statisticsOverTime,
];

export interface PaperOptions extends Choice {
  readonly name: string;
  /** Where the results go; the runs' folders are made beside it, under its name. */
  readonly out: string;
  /** Goes on with what `out` and its folder have. */
  readonly resume: boolean;
  /** Ends training early, as the budget does. */
  readonly signal?: AbortSignal | undefined;
  readonly say?: (line: string) => void;
}

/** Refuses what this experiment would not look at. */
function refuseUnused(experiment: Experiment, choice: Choice): void {
  for (const name of ['order', 'model'] as const) {
    if (choice[name] === undefined || experiment.takes?.includes(name)) continue;
    const takers = experiments.filter(({ takes }) => takes?.includes(name));
    const expected = `none but for ${takers.map((each) => each.name).join(', ')}`;
    throw check.argumentError(`--${name}`, expected, choice[name]);
  }
}

/** The last iterations are validated too. */
function withLastValidation(experiment: LearningExperiment, choice: Choice): LearningExperiment {
  const { validateEvery, iterations } = experiment.settings;
  const interval = validationInterval(validateEvery, choice.iterations ?? iterations);
  return { ...experiment, settings: { ...experiment.settings, validateEvery: interval } };
}

/** Runs an experiment of the paper and leaves its results in `out`. */
export async function runPaper(options: PaperOptions): Promise<void> {
  const { name, out, resume, signal, say = console.log, ...choice } = options;
  const names = experiments.map((experiment) => experiment.name);
  const experiment = experiments.find((candidate) => candidate.name === name);
  if (!experiment)
    throw check.argumentError('experiment', `one of ${names.join(', ')}`, check.show(name));
  refuseUnused(experiment, choice);
  if (resume && 'measure' in experiment) {
    throw check.argumentError('--resume', 'an experiment that trains', name);
  }
  if (!resume && (await exists(out))) {
    throw check.argumentError('--out', 'a file that is not there, or --resume', out);
  }
  if ('measure' in experiment) {
    await mkdir(dirname(out), { recursive: true });
    const head = heading(experiment, choice);
    await writeResults(out, { ...head, runs: await experiment.measure(choice, say) });
    say(`Results are in ${out}.`);
    return;
  }
  const { dir, name: stem } = parse(out);
  const folder = join(dir, stem);
  const started = resume
    ? await takeUp(experiment, choice, { out, folder })
    : { choice, experiment: withLastValidation(experiment, choice), runs: [] };
  await mkdir(dirname(out), { recursive: true });
  const head = heading(started.experiment, started.choice);
  const budget = choice.budget === undefined ? [] : [AbortSignal.timeout(60_000 * choice.budget)];
  const ending = AbortSignal.any([...(signal ? [signal] : []), ...budget]);
  await learn(started.experiment, {
    choice: started.choice,
    folder,
    resume,
    earlier: started.runs,
    signal: ending,
    say,
    save: (runs) => writeResults(out, { ...head, runs }),
  });
  const more = ending.aborted ? '; with --resume, training goes on' : '';
  say(`Results are in ${out}${more}.`);
}

/** Minutes: timers are of 31 bits of milliseconds. */
const longestBudget = 30_000;

const options = {
  budget: { type: 'string', value: 'M', help: 'minutes of training (default: to its end)' },
  resume: { type: 'boolean', help: 'go on where the results and their folder end' },
  out: { type: 'string', value: 'FILE', help: 'results (default paper-NAME.json)' },
  iterations: { type: 'string', value: 'N', help: "of every run (default: the paper's)" },
  seed: { type: 'string', value: 'S', help: 'of weights, batches and noise (default 1)' },
  decay: { type: 'string', value: 'R', help: "of RMSProp: 0.9 (default); authors' code: 0.5" },
  order: { type: 'string', value: 'ORDER', help: 'of pixels: authors (default) or permuted' },
  limit: { type: 'string', value: 'N', help: 'validate and test on the first N sequences' },
  model: { type: 'string', value: 'FILE', help: '`statistics`: of this saved model' },
  device: { type: 'string', value: 'D', help: 'auto (default), cpu, ...: see `bnlstm doctor`' },
  threads: { type: 'string', value: 'N', help: 'default: what the machine has' },
} as const;

const details = `
Experiments:
${experiments.map(({ name, summary }) => `  ${name.padEnd(16)}${summary}`).join('\n')}

Runs of an experiment train in turns, so that they have come about as far when the budget ends. The
test, of the weights that were best on the validation images, comes after it. Ctrl+C ends training
and goes on to the test.`;

function checked(values: Values<typeof options>, operands: readonly string[]): PaperOptions {
  const [name] = operands;
  if (operands.length !== 1) {
    const names = experiments.map((experiment) => experiment.name).join(', ');
    throw check.argumentError('experiment', `one of ${names}`, operands.join(' ') || 'none');
  }
  return {
    name,
    out: values.out ?? `paper-${name}.json`,
    resume: values.resume ?? false,
    budget: numberOption(values.budget, 'budget', { above: 0, max: longestBudget }),
    iterations: integerOption(values.iterations, 'iterations', { min: 1 }),
    seed: integerOption(values.seed, 'seed', { min: 0 }) ?? 1,
    decay: numberOption(values.decay, 'decay', { min: 0, below: 1 }),
    order:
      values.order === undefined
        ? undefined
        : check.oneOf(values.order, '--order', ['authors', 'permuted']),
    limit: integerOption(values.limit, 'limit', { min: 2 }),
    model: values.model,
    device: values.device ?? 'auto',
    threads: integerOption(values.threads, 'threads', { min: 1 }),
  };
}

export const paper: Command<typeof options> = {
  name: 'paper',
  summary: 'Run an experiment of the paper and write its results',
  details,
  operands: '<experiment>',
  options,
  async run(values, operands) {
    const options = checked(values, operands);
    const interrupt = onInterrupt(
      () => console.log('Stopping; the test follows. Again to end at once.'),
      ['SIGINT', 'SIGTERM'],
    );
    try {
      await runPaper({ ...options, signal: interrupt.signal });
    } finally {
      interrupt.dispose();
    }
  },
};
