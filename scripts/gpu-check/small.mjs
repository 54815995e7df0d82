// node scripts/gpu-check/small.mjs DEVICE: every kernel of training and inference at small odd sizes,
// for sanitizers, under which everything is slow.
import { classifier, noiseData, train } from './networks.mjs';

/** @typedef {import('./networks.mjs').Choice} Choice */

const [device = 'cuda:0'] = process.argv.slice(2);
const size = { rows: 21, steps: 3, features: 5, hidden: 19 };
const gpu = !device.startsWith('cpu');

/** @param {import('./networks.mjs').Size} size @param {Choice} choice @param {boolean} ragged */
async function useAll(size, choice, ragged) {
  const model = await classifier(device, size, choice);
  const data = noiseData({ ...size, rows: 2 * size.rows }, 1, ragged);
  const losses = await train(model, data, size.rows, 2);
  if (!losses.every(Number.isFinite)) throw new Error(`losses are ${losses.join(', ')}`);
  if (!choice.plain) await model.estimateStatistics(data, { batchSize: size.rows });
  const { loss } = await model.evaluate(data, { batchSize: size.rows });
  if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
  await model.dispose();
}

/** @type {readonly Choice[]} */
const choices = gpu
  ? [
      { dtype: 'f32', plan: 'steps' },
      { dtype: 'bf16', plan: 'steps' },
      { dtype: 'f32', plan: 'persistent', tf32: true },
      { dtype: 'bf16', plan: 'persistent' },
    ]
  : [{ dtype: 'f32' }, { dtype: 'bf16' }];
for (const choice of choices)
  for (const plain of [false, true])
    for (const ragged of [false, true]) await useAll(size, { ...choice, plain }, ragged);

// Several runs of steps, with what goes before and after them beside them.
if (gpu)
  for (const ragged of [false, true])
    await useAll({ ...size, steps: 100 }, { dtype: 'bf16', plan: 'overlapped' }, ragged);

// Lanes of two and of four rows, and where there are multiprocessors enough, weights of many items.
for (const choice of choices.filter(({ plan }) => plan === 'persistent'))
  for (const [rows, hidden] of [[35, 19], [70, 30], ...(device === 'emulator' ? [] : [[100, 100]])])
    await useAll({ ...size, rows, hidden }, choice, true);
