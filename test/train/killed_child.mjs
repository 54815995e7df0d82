// A training that somebody kills: node killed_child.mjs FOLDER. It saves after every second step,
// and writes a letter for each step (s) and each checkpoint (c) that is behind it.
import { writeSync } from 'node:fs';
import {
  adam,
  arrayData,
  bnLstm,
  crossEntropy,
  dropout,
  lastStep,
  linear,
  sequential,
} from '../../dist/index.js';

const [directory] = process.argv.slice(2);
const [count, steps, features] = [70, 6, 4];
const data = arrayData({
  inputs: Float32Array.from({ length: count * steps * features }, (_, k) => Math.sin(k * k)),
  targets: Int32Array.from({ length: count }, (_, n) => n % 3),
  ...{ steps, features },
});
const model = await sequential({ features, seed: 1, device: 'cpu' }, [
  bnLstm({ hidden: 160, maxSteps: steps, statDecay: 0.9, initialNoise: 0.1 }),
  dropout(0.2),
  lastStep(),
  linear(3),
]);
const trainer = model.trainer({
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 1e-3 }),
});
await trainer.fit(data, {
  ...{ batchSize: 10, iterations: 40, directory, resume: true },
  validation: { data, every: 10 },
  earlyStopping: { patience: 100 },
  checkpoint: { every: 2 },
  onRecord: ({ type }) => {
    if (type === 'step') writeSync(1, 's');
    if (type === 'checkpoint') writeSync(1, 'c');
  },
});
await model.dispose();
