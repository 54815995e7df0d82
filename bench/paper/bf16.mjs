// Do the learning curves of bf16 and f32 agree?
//   node --import ./scripts/typescript.mjs bench/paper/bf16.mjs --out FILE [--iterations N]
//     [--device D] [--threads N]
// Trains the BN-LSTM of `npm start` on sequential MNIST three times, in turns on the same batches: in
// f32, in bf16, and in f32 with other initial weights and another noise on h0. What the last one is
// away from the first is the yardstick: a difference no larger than that is none that one would see.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { Contestant, recentIterations, settings } from '../../lib/cli/demo/contestant.js';
import { Progress } from '../../lib/cli/demo/progress.js';
import { trainInTurns } from '../../lib/cli/demo/training.js';
import { machineFacts as basicFacts } from '../../lib/cli/machine.js';
import {
  bnLstm,
  lastStep,
  linear,
  mnist,
  paperInit,
  sequential,
  VERSION,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { machineFacts } from '../speed/machine.mjs';
import { compare, table } from './curves.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    iterations: { type: 'string', default: '500' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
  },
});
const { out, device } = values;
if (out === undefined) throw new Error('--out FILE is needed: where the results go');
const iterations = Number(values.iterations);
// The smoothed curve has no point before that.
if (!(iterations >= recentIterations)) throw new Error(`--iterations: ${recentIterations} or more`);
const threads = values.threads === undefined ? undefined : Number(values.threads);

/** Of the order of the images: the same for all. */
const dataSeed = 1;
/** @type {{ name: string, dtype: 'f32' | 'bf16', seed: number }[]} */
const runs = [
  { name: 'f32', dtype: 'f32', seed: 1 },
  { name: 'bf16', dtype: 'bf16', seed: 1 },
  { name: 'f32, other seed', dtype: 'f32', seed: 2 },
];

/** @param {(typeof runs)[number]} run */
async function contestant({ name, dtype, seed }) {
  const { hidden, steps, gammaInit, initialNoise } = settings;
  const model = await sequential({ features: 1, device, threads, seed, dtype }, [
    bnLstm({ hidden, maxSteps: steps, gammaInit, initialNoise, ...paperInit('mnist') }),
    lastStep(),
    linear(10),
  ]);
  return new Contestant(name, true, model);
}

const statisticsImages = 5_000;
const testImages = 10_000;

await mkdir(dirname(out), { recursive: true });
const data = await mnist({ pixelOrder: 'scanline' });
const contestants = await Promise.all(runs.map(contestant));
const chosen = contestants[0].model.device;
const progress = new Progress(process.stderr);
await trainInTurns(contestants, data.train, {
  seed: dataSeed,
  until: { iterations },
  afterwards: 0,
  stop: new AbortController().signal,
  onIteration: (snapshot) => progress.update(snapshot),
});
progress.finish();

const results = [];
for (const [index, each] of contestants.entries()) {
  await each.estimateStatistics(data.train, statisticsImages);
  results.push({
    ...runs[index],
    testAccuracy: await each.test(data.test, testImages),
    msPerIteration: (1000 * each.seconds) / iterations,
    losses: each.losses.map((loss) => Number(loss.toFixed(4))),
  });
  await each.model.dispose();
}
const comparison = compare(results, recentIterations);
console.log(table(results, comparison));

const { instructionSets } = native().probe();
const result = {
  date: new Date().toISOString(),
  version: VERSION,
  machine: {
    ...machineFacts({ machine: { ...basicFacts() }, instructionSets, device: { chosen } }),
    ...(threads && { threads }),
    kernel: undefined, // it has no part in this
  },
  settings: { ...settings, order: 'scanline', iterations, statisticsImages, testImages },
  dataSeed,
  smoothing: `mean of ${recentIterations} iterations`,
  comparison,
  runs: results,
};
await writeFile(out, `${JSON.stringify(result)}\n`);
