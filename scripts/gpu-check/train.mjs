// node scripts/gpu-check/train.mjs DEVICE FILE ITERATIONS ROWS HIDDEN: trains the BN-LSTM of the paper
// on sequential MNIST and writes the loss of every iteration.
import { writeFileSync } from 'node:fs';
import {
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  mnist,
  paperInit,
  rmsprop,
  sequential,
} from 'bnlstm';

const [device, file, ...numbers] = process.argv.slice(2);
const [iterations, batchSize, hidden] = numbers.map(Number);
if (!(iterations > 0 && batchSize > 1 && hidden > 0)) {
  throw new Error('needed: DEVICE FILE ITERATIONS ROWS HIDDEN');
}
const { train } = await mnist({ pixelOrder: 'scanline' });
const model = await sequential({ features: 1, device, seed: 1 }, [
  bnLstm({ hidden, maxSteps: 784, initialNoise: 0.1, ...paperInit('mnist') }),
  lastStep(),
  linear(10),
]);
const optimizer = rmsprop({ learningRate: 1e-3, decay: 0.9 });
const trainer = model.trainer({ loss: crossEntropy(), optimizer, clipNorm: 1 });
const began = performance.now();
const losses = [];
for await (const { loss } of trainer.run(train, { batchSize, iterations })) losses.push(loss);
const seconds = (performance.now() - began) / 1000;
writeFileSync(file, JSON.stringify({ device: model.device, batchSize, hidden, seconds, losses }));
console.log(`figure: ${iterations} iterations on ${model.device} in ${seconds.toFixed(1)} s`);
await model.dispose();
