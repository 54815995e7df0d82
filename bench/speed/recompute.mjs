// What `recompute` saves and what it costs:
//   node --import ./scripts/typescript.mjs bench/speed/recompute.mjs [--shape NAME] [--repeats N]
//     [--threads N] [--device D]
// Prints JSON: the arena bytes of a training step and the milliseconds that one takes, for each
// shape in each mode, and with 100 steps per chunk.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { adam, bnLstm, crossEntropy, lastStep, linear } from '../../lib/index.js';
import { Feed } from '../../lib/nn/feed.js';
import { Network } from '../../lib/nn/network.js';
import { recordTrainingStep, stateSlots } from '../../lib/train/training_step.js';

/** Sequential MNIST as in the paper, and a sequence of speech's length. */
const shapes = {
  mnist: { steps: 784, batch: 100, features: 1, hidden: 100 },
  long: { steps: 4000, batch: 16, features: 40, hidden: 100 },
};
const classes = 10;

const { values } = parseArgs({
  options: {
    shape: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    threads: { type: 'string', default: '0' },
    device: { type: 'string', default: 'cpu' },
  },
});
const repeats = Number(values.repeats);

/** @param {typeof shapes.mnist} shape @param {import('../../lib/index.js').Recompute} recompute */
async function measure({ steps, batch, features, hidden }, recompute) {
  // One network for each: its arena only grows.
  const network = Network.open({
    device: values.device,
    threads: Number(values.threads),
    seed: 1,
    dtype: 'f32',
    input: { kind: 'sequence', width: features, outcome: 'last-position' },
    layers: [bnLstm({ hidden, maxSteps: steps }), lastStep(), linear(classes)],
  });
  try {
    await network.initialise();
    const { stream, blueprint } = network;
    const loss = crossEntropy();
    const optimizer = adam({ learningRate: 1e-3 });
    const inputs = Float32Array.from({ length: batch * steps * features }, (_, i) => {
      return Math.sin(i * i);
    });
    const targets = Int32Array.from({ length: batch }, (_, row) => row % classes);
    const feed = new Feed(network, { inputs, targets, size: batch, steps }, loss);
    const program = recordTrainingStep(network, feed, {
      ...{ loss, optimizer, clipNorm: 1, recompute, sticky: true, carried: undefined },
      state: stream.array(4 * stateSlots),
      slots: Array.from({ length: optimizer.slots }, () =>
        stream.array(4 * blueprint.parameterCount),
      ),
    });
    const learningRate = Float32Array.of(1e-3);
    /** @type {number[]} */
    const times = [];
    let gradientNorm = 0;
    for (let step = 0; step <= repeats; step++) {
      const began = performance.now();
      const attempt = Int32Array.of(step);
      const { norm } = await program.run({ ...feed.inputs, attempt, learningRate });
      if (step > 0) times.push(performance.now() - began);
      gradientNorm = norm[0];
    }
    times.sort((a, b) => a - b);
    return {
      recompute,
      arenaBytes: program.bytes,
      msMedian: times[Math.floor(times.length / 2)],
      msMin: times[0],
      // The same in all of one shape, or something is wrong.
      gradientNorm,
    };
  } finally {
    network.dispose();
  }
}

const results = [];
for (const [name, shape] of Object.entries(shapes)) {
  if (values.shape !== undefined && values.shape !== name) continue;
  const runs = [];
  for (const recompute of /** @type {const} */ (['none', 'inputs', 'all', 100])) {
    runs.push(await measure(shape, recompute));
  }
  results.push({ shape: name, ...shape, runs });
}
const { device, threads } = values;
const machine = { cpu: cpus()[0]?.model, node: process.version, device, threads: Number(threads) };
console.log(JSON.stringify({ ...machine, repeats, results }, null, 2));
