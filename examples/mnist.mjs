// Permuted MNIST with a BN-LSTM, from data to file: node examples/mnist.mjs [iterations] [file]
// 10,000 iterations are what the paper needs for about 90 %; a few show that everything works.
import { bnLstm, crossEntropy, lastStep, linear, mnist, rmsprop, sequential } from 'bnlstm';

const iterations = Number(process.argv[2] ?? 10_000);
const file = process.argv[3] ?? 'mnist.safetensors';

const data = await mnist({ pixelOrder: 'permuted', seed: 1 });
const model = await sequential({ features: 1, device: 'auto', seed: 1 }, [
  bnLstm({ hidden: 100, maxSteps: 784 }),
  lastStep(),
  linear(10),
]);
const trainer = model.trainer({
  loss: crossEntropy(),
  optimizer: rmsprop({ learningRate: 1e-3 }),
  clipNorm: 1,
});

const run = { batchSize: 100, iterations, reportEvery: Math.min(100, iterations) };
for await (const step of trainer.run(data.train, run)) {
  const { index, loss, accuracy, gradientNorm } = step;
  console.log({ index, loss, accuracy, gradientNorm });
}

// Training used the statistics of each batch; a test needs those of the training set. Part of it is
// enough here: the paper takes all of it.
const images = Math.min(10 * iterations, data.train.count);
await model.estimateStatistics(data.train, { batchSize: 500, limit: Math.max(images, 500) });
const { loss, accuracy } = await model.evaluate(data.test, { limit: Math.max(images, 500) });
console.log(`test: loss ${loss.toFixed(3)}, accuracy ${(100 * (accuracy ?? 0)).toFixed(1)} %`);

await model.save(file);
await model.dispose();
