// A training that can be stopped by Ctrl+C, or killed, and started again: node examples/resume.mjs [folder] [iterations] [every]
// Sequential MNIST with validation, early stopping, checkpoints, and a report in the folder.
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

const directory = process.argv[2] ?? 'run';
const iterations = Number(process.argv[3] ?? 10_000);
const every = Number(process.argv[4] ?? 500); // validation and checkpoint

// First Ctrl+C: ends after the step that runs, with a checkpoint. A second one ends at once.
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());
process.once('SIGTERM', () => controller.abort());

const data = await mnist({ pixelOrder: 'scanline' });
const model = await sequential({ features: 1, seed: 1 }, [
  bnLstm({ hidden: 100, maxSteps: 784, initialNoise: 0.1, ...paperInit('mnist') }),
  lastStep(),
  linear(10),
]);
const trainer = model.trainer({
  loss: crossEntropy(),
  optimizer: rmsprop({ learningRate: 1e-3 }),
  clipNorm: 1,
});
const { stoppedBy, index } = await trainer.fit(data.train, {
  batchSize: 100,
  iterations, // in all, those before an interruption too
  reportEvery: Math.min(20, every),
  validation: { data: data.valid, every, limit: 20 * every },
  earlyStopping: { monitor: 'accuracy', patience: 10 },
  checkpoint: { every },
  statistics: { batchSize: 500, limit: 100 * every },
  directory,
  resume: true, // where there is nothing yet, from the beginning
  signal: controller.signal,
  onRecord(record) {
    if (record.type === 'start') console.log(`goes on after step ${record.resumedAt ?? 0}`);
    if (record.type === 'step') console.log(`step ${record.index}: loss ${record.loss.toFixed(3)}`);
    if (record.type === 'validation') console.log(`validation: accuracy ${record.accuracy}`);
  },
});
console.log(`${stoppedBy} after step ${index}; see ${directory}/report.html`);
if (stoppedBy !== 'aborted') {
  const { accuracy } = await model.evaluate(data.test, { limit: 20 * every });
  console.log(`test accuracy ${(100 * (accuracy ?? 0)).toFixed(1)} %`);
}
await model.dispose();
