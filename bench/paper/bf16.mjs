// Do the learning curves of bf16 and f32 agree?
//   node --import ./scripts/typescript.mjs bench/paper/bf16.mjs --out FILE [--iterations N]
//     [--device D] [--threads N] [--seeds 1,2,3]
// Trains the BN-LSTM of `npm start` on sequential MNIST, with each seed in f32 and in bf16. Seeds are
// of the initial weights and of the noise on h0; all see the same batches. Two seeds of f32 show how
// far apart curves may be that are both right.
// Runs that FILE has already are not trained again: more seeds can be added to it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { Contestant, recentIterations, settings } from '../../lib/cli/demo/contestant.js';
import { Progress } from '../../lib/cli/demo/progress.js';
import { trainInTurns } from '../../lib/cli/demo/training.js';
import { mnistModel } from '../../lib/cli/paper/mnist.js';
import { mnist, VERSION } from '../../lib/index.js';
import { machineFacts as basicFacts } from '../../lib/machine.js';
import { native } from '../../lib/native.js';
import { machineFacts } from '../speed/machine.mjs';
import { report } from './curves.mjs';

/** @typedef {{ dtype: 'f32' | 'bf16', seed: number, device: string }} Setting */

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    iterations: { type: 'string', default: '500' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3' },
  },
});
const { out } = values;
if (out === undefined) throw new Error('--out FILE is needed: where the results go');
const iterations = Number(values.iterations);
// The smoothed curve has no point before that.
if (!(iterations >= recentIterations)) throw new Error(`--iterations: ${recentIterations} or more`);
const threads = values.threads === undefined ? undefined : Number(values.threads);
const seeds = values.seeds.split(',').map(Number);

/** @param {Setting} setting */
async function contestant({ dtype, seed, device }) {
  const placed = { device, threads, seed, dtype };
  const model = await mnistModel({ model: 'bn-lstm', order: 'scanline' }, placed);
  return new Contestant(`${dtype}, seed ${seed}, ${model.device}`, true, model);
}

const common = {
  settings: { ...settings, order: 'scanline', iterations },
  statisticsImages: 5_000,
  testImages: 10_000,
  /** Of the order of the images. */
  dataSeed: 1,
};

/** @returns {Promise<import('./curves.mjs').Run[]>} */
async function former() {
  const text = await readFile(/** @type {string} */ (out), 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  const { runs, ...rest } = JSON.parse(text);
  const same = (/** @type {keyof typeof common} */ key) =>
    JSON.stringify(rest[key]) === JSON.stringify(common[key]);
  const keys = /** @type {(keyof typeof common)[]} */ (Object.keys(common));
  if (!keys.every(same)) throw new Error(`${out} has runs of other settings`);
  return runs;
}

/**
 * Trains in turns on the same batches, then tests.
 * @param {readonly Setting[]} missing @returns {Promise<import('./curves.mjs').Run[]>}
 */
async function train(missing) {
  if (missing.length === 0) return [];
  const data = await mnist({ pixelOrder: 'scanline' });
  const contestants = await Promise.all(missing.map(contestant));
  const { instructionSets } = native().probe();
  const machine = { ...basicFacts(), ...(threads && { threads }) };
  const started = {
    date: new Date().toISOString(),
    version: VERSION,
    machine: contestants.map(({ model }) => ({
      ...machineFacts({ machine, instructionSets, device: { chosen: model.device } }),
      kernel: undefined, // it has no part in this
    })),
  };
  const progress = new Progress(process.stderr);
  await trainInTurns(contestants, data.train, {
    seed: common.dataSeed,
    until: { iterations },
    afterwards: 0,
    stop: new AbortController().signal,
    onIteration: (snapshot) => progress.update(snapshot),
  });
  progress.finish();
  const runs = [];
  for (const [index, each] of contestants.entries()) {
    await each.estimateStatistics(data.train, common.statisticsImages);
    runs.push({
      ...missing[index],
      ...started,
      machine: started.machine[index],
      testAccuracy: await each.test(data.test, common.testImages),
      losses: each.losses.map((loss) => Number(loss.toFixed(4))),
    });
    await each.model.dispose();
  }
  return runs;
}

/** @type {Setting[]} */
const asked = seeds.flatMap((seed) => [
  { dtype: 'f32', seed, device: values.device },
  { dtype: 'bf16', seed, device: values.device },
]);
await mkdir(dirname(out), { recursive: true });
const kept = await former();
const isKept = (/** @type {Setting} */ { dtype, seed, device }) =>
  kept.some((run) => run.dtype === dtype && run.seed === seed && run.device === device);
const runs = [...kept, ...(await train(asked.filter((setting) => !isKept(setting))))];
await writeFile(out, `${JSON.stringify({ ...common, runs })}\n`);
console.log(report(runs, recentIterations));
