// node scripts/gpu-check/small.mjs DEVICE: every kernel of training and inference at small odd sizes,
// for sanitizers, under which everything is slow.
import { classifier, noiseData, train } from './networks.mjs';

const [device = 'cuda:0'] = process.argv.slice(2);
const size = { rows: 21, steps: 3, features: 5, hidden: 19 };
for (const dtype of /** @type {const} */ (['f32', 'bf16']))
  for (const plain of [false, true])
    for (const ragged of [false, true]) {
      const model = await classifier(device, size, { dtype, plain });
      const data = noiseData({ ...size, rows: 2 * size.rows }, 1, ragged);
      const losses = await train(model, data, size.rows, 2);
      if (!losses.every(Number.isFinite)) throw new Error(`losses are ${losses.join(', ')}`);
      if (!plain) await model.estimateStatistics(data, { batchSize: size.rows });
      const { loss } = await model.evaluate(data, { batchSize: size.rows });
      if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
      await model.dispose();
    }
