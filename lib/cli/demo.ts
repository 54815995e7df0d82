import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as check from '../check.js';
import { type Mnist, mnist, type PixelOrder, VERSION } from '../index.js';
import { type MachineFacts, machineFacts } from '../machine.js';
import { type Command, integerOption, numberOption, type Values } from './command.js';
import { assess, planAssessment } from './demo/assessment.js';
import { type Contestant, makeContestants, settings } from './demo/contestant.js';
import { paperAt } from './demo/paper.js';
import { Progress } from './demo/progress.js';
import { notes, type Outcome, type Result, table, verdict } from './demo/report.js';
import { trainInTurns } from './demo/training.js';
import { onInterrupt } from './interrupt.js';

const options = {
  minutes: { type: 'string', value: 'M', help: 'time for everything (default 5)' },
  iterations: { type: 'string', value: 'N', help: 'train for N iterations instead' },
  order: {
    type: 'string',
    value: 'ORDER',
    help: 'of the pixels: scanline (default), permuted or authors',
  },
  seed: { type: 'string', value: 'S', help: 'of weights, batches and permutation (default 1)' },
  device: { type: 'string', value: 'D', help: 'auto (default), cpu, ...: see `bnlstm doctor`' },
  threads: { type: 'string', value: 'N', help: 'default: what the machine has' },
  save: { type: 'string', value: 'DIR', help: 'save both models there' },
  json: { type: 'string', value: 'FILE', help: 'write results and machine facts there' },
} as const;

const details = `
Both models have 100 hidden units and see an image as 784 steps of one pixel. They train in turns on
the same batches of 100, with RMSProp (learning rate 0.001, decay 0.9 as in the paper; the authors'
code has 0.5) and gradients clipped to norm 1. Ctrl+C ends training and goes on to the test.`;

interface Plan {
  readonly order: PixelOrder;
  readonly seed: number;
  readonly device: string;
  readonly threads: number | undefined;
  readonly minutes: number;
  readonly iterations: number | undefined;
}

function plan(values: Values<typeof options>): Plan {
  return {
    order: check.oneOf(values.order ?? 'scanline', '--order', ['scanline', 'permuted', 'authors']),
    seed: integerOption(values.seed, 'seed', { min: 0 }) ?? 1,
    device: values.device ?? 'auto',
    threads: integerOption(values.threads, 'threads', { min: 1 }),
    minutes: numberOption(values.minutes, 'minutes', { above: 0 }) ?? 5,
    iterations: integerOption(values.iterations, 'iterations', { min: 1 }),
  };
}

const secondsSinceStart = () => performance.now() / 1000;

/** Trains, tests and prints; says also what ended the training. */
async function compete(
  contestants: readonly [Contestant, Contestant],
  data: Mnist,
  { order, seed, minutes, iterations }: Plan,
): Promise<Outcome & { readonly stoppedBy: string }> {
  const progress = new Progress(process.stdout);
  const interrupt = onInterrupt(() =>
    progress.note('Stopping; the test follows. Ctrl+C again ends at once.'),
  );
  try {
    const budget = iterations === undefined ? 60 * minutes : Number.POSITIVE_INFINITY;
    const assessment = await planAssessment(contestants, data, budget - secondsSinceStart());
    const afterwards = assessment.seconds;
    console.log(`About ${Math.round(afterwards)} s are kept for the test at the end.\n`);
    const until =
      iterations === undefined
        ? { seconds: budget - afterwards - secondsSinceStart() }
        : { iterations };
    const stoppedBy = await trainInTurns(contestants, data.train, {
      seed,
      until,
      afterwards,
      stop: interrupt.signal,
      onIteration: (snapshot) => progress.update(snapshot),
    });
    progress.finish();
    console.log('\nTesting both ...');
    const results = await assess(contestants, data, assessment);
    const [bnLstm, lstm] = results as [Result, Result];
    const { trainImages, testImages } = assessment;
    const done = contestants[0].losses.length;
    return { order, iterations: done, stoppedBy, trainImages, testImages, bnLstm, lstm };
  } finally {
    interrupt.dispose();
  }
}

function heading(
  data: Mnist,
  { order, seed }: Plan,
  device: string,
  machine: MachineFacts,
): string {
  const { hidden, steps, batchSize } = settings;
  const { processor, threads, instructionSet } = machine;
  return [
    `BN-LSTM against LSTM on sequential MNIST: ${data.train.count} images, ${steps} steps of one pixel`,
    `(${order} order), ${hidden} hidden units, batches of ${batchSize}, seed ${seed}.`,
    `Device ${device} (${instructionSet}, ${threads} threads) on ${processor}.`,
  ].join('\n');
}

/** The results as a file: what the table shows, the curves, settings and machine. */
function record(
  outcome: Outcome & { readonly stoppedBy: string },
  contestants: readonly Contestant[],
  { seed }: Plan,
  machine: MachineFacts,
) {
  const [bnLstm, lstm] = contestants.map(({ seconds, losses, accuracies, model }, index) => ({
    ...[outcome.bnLstm, outcome.lstm][index],
    device: model.device,
    parameters: model.parameterCount,
    trainingSeconds: seconds,
    losses,
    accuracies,
  }));
  const paper = paperAt(outcome.order, outcome.iterations);
  return { version: VERSION, machine, settings, seed, ...outcome, bnLstm, lstm, paper };
}

async function run(values: Values<typeof options>): Promise<void> {
  const chosen = plan(values);
  // Made now: five minutes of training should not end with a folder that cannot be made.
  if (values.save) await mkdir(values.save, { recursive: true });
  if (values.json) await mkdir(dirname(values.json), { recursive: true });
  const data = await mnist({ pixelOrder: chosen.order, seed: chosen.seed });
  const contestants = await makeContestants(chosen);
  try {
    const facts = machineFacts();
    const machine = { ...facts, threads: chosen.threads ?? facts.threads };
    console.log(heading(data, chosen, contestants[0].model.device, machine));
    const outcome = await compete(contestants, data, chosen);
    console.log(`\n${table(outcome)}\n\n${notes(outcome)}\n\n${verdict(outcome)}`);
    if (values.save) {
      await contestants[0].model.save(join(values.save, 'bn-lstm.safetensors'));
      await contestants[1].model.save(join(values.save, 'lstm.safetensors'));
    }
    if (values.json) {
      const results = record(outcome, contestants, chosen, machine);
      await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
    }
  } finally {
    for (const { model } of contestants) await model.dispose();
  }
}

export const demo: Command<typeof options> = {
  name: 'demo',
  summary: 'Train a BN-LSTM beside a plain LSTM on sequential MNIST and compare them',
  details,
  options,
  run,
};
