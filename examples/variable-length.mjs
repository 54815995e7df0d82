// Sequences of different length in one batch: node examples/variable-length.mjs [iterations]
// The task: which of 8 symbols came first, after 5 to 30 symbols?
import { arrayData, bnLstm, crossEntropy, lastStep, linear, rmsprop, sequential } from 'bnlstm';

const iterations = Number(process.argv[2] ?? 300);
const symbols = 8;
const steps = 30;

/** Token ids [count][steps], padded at the right; the padding may hold anything. */
function task(/** @type {number} */ count) {
  const inputs = Int32Array.from({ length: count * steps }, () => Math.random() * symbols);
  const lengths = Int32Array.from({ length: count }, () => 5 + Math.random() * (steps - 4));
  const targets = Int32Array.from({ length: count }, (_, row) => inputs[row * steps]);
  return { inputs, lengths, targets, steps };
}

const train = arrayData(task(6400));
const test = arrayData(task(1000));
const model = await sequential({ vocabulary: symbols, seed: 1 }, [
  bnLstm({ hidden: 48, maxSteps: steps }), // statistics at a step: over the rows that still run
  lastStep(), // of each row, by its length
  linear(symbols),
]);
const trainer = model.trainer({
  loss: crossEntropy(),
  optimizer: rmsprop({ learningRate: 2e-3 }),
  clipNorm: 1,
});
for await (const step of trainer.run(train, { batchSize: 64, iterations, reportEvery: 50 })) {
  console.log(`iteration ${step.index}: loss ${step.loss.toFixed(3)}`);
}

await model.estimateStatistics(train, { batchSize: 64 });
const { accuracy } = await model.evaluate(test);
console.log(`test accuracy ${(100 * (accuracy ?? 0)).toFixed(1)} %`);

// One sequence of five symbols: alone, or in a batch with longer ones, it gives the same bits on a
// CPU, and the same but for rounding on a GPU.
const alone = await model.predict({ inputs: Int32Array.of(3, 1, 4, 1, 5), size: 1, steps: 5 });
const padded = await model.predict({
  inputs: Int32Array.of(3, 1, 4, 1, 5, 0, 0, 2, 7, 1, 0, 2, 0, 1),
  lengths: Int32Array.of(5, 7),
  size: 2,
  steps: 7,
});
const same = alone.outputs.every((value, index) => value === padded.outputs[index]);
console.log(`the first symbol was ${alone.outputs.indexOf(Math.max(...alone.outputs))}`);
console.log(`alone and in a batch: ${same ? 'the same bits' : 'different bits'}`);
await model.dispose();
