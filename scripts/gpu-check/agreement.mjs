// node scripts/gpu-check/agreement.mjs DEVICE small|large: what needs a real device to be asked.
// Whether training gives the same bits from run to run; whether equal rows get equal bits (through
// cuBLAS nobody promises that); and whether the CPU agrees.
import { classifier, noise, noiseData, parametersOf, sameBits, train } from './networks.mjs';

const [device = 'cuda:0', extent = 'large'] = process.argv.slice(2);
const large = extent === 'large';

/** @type {string[]} */
const faults = [];
/** @type {string[]} */
const figures = [];

/** @param {import('./networks.mjs').Size} size @param {string} on @param {'f32' | 'bf16'} dtype */
async function trained(size, on, dtype, iterations = 4) {
  const model = await classifier(on, size, { dtype });
  const data = noiseData({ ...size, rows: 2 * size.rows });
  const losses = await train(model, data, size.rows, iterations);
  const parameters = await parametersOf(model);
  await model.dispose();
  return { losses, parameters };
}

const shapes = large
  ? [
      { rows: 64, steps: 20, features: 32, hidden: 100 },
      { rows: 33, steps: 20, features: 1, hidden: 256 },
      { rows: 128, steps: 8, features: 512, hidden: 512 },
    ]
  : [
      { rows: 9, steps: 3, features: 2, hidden: 8 },
      { rows: 4, steps: 2, features: 1, hidden: 200 }, // 160,000 recurrent weights: many
    ];

/** @param {import('./networks.mjs').Size} size */
const nameOf = ({ rows, features, hidden }) => `B${rows} D${features} H${hidden}`;

async function determinism() {
  for (const dtype of /** @type {const} */ (['f32', 'bf16']))
    for (const size of shapes) {
      const [a, b] = [await trained(size, device, dtype), await trained(size, device, dtype)];
      const same = sameBits(a.parameters, b.parameters);
      if (!same || !(a.parameters.length > 0)) {
        faults.push(`${dtype} ${nameOf(size)}: training differs from run to run`);
      }
    }
  figures.push('same bits from run to run');
}

/** Rows r and r + half of the batch are equal: so must be what comes of them. */
async function equalRows() {
  const batches = large ? [2, 6, 14, 32, 64, 66, 128, 200, 256] : [2, 6];
  for (const dtype of /** @type {const} */ (['f32', 'bf16']))
    for (const size of shapes) {
      const model = await classifier(device, size, { dtype });
      await model.estimateStatistics(noiseData({ ...size, rows: 4 * size.rows }), {
        batchSize: size.rows,
      });
      for (const rows of batches) {
        const { steps, features } = size;
        const inputs = noise((rows / 2) * steps * features, 7);
        const twice = new Float32Array(2 * inputs.length);
        twice.set(inputs);
        twice.set(inputs, inputs.length);
        const { outputs } = await model.predict({ inputs: twice, size: rows, steps });
        const middle = outputs.length / 2;
        if (!sameBits(outputs.subarray(0, middle), outputs.subarray(middle))) {
          faults.push(`${dtype} ${nameOf({ ...size, rows })}: equal rows get different bits`);
        }
      }
      await model.dispose();
    }
  figures.push('equal rows get equal bits');
}

/** Losses of training: the first of the same weights, the others of weights that have been trained. */
async function agreement() {
  let worst = 0;
  for (const size of shapes) {
    const [here, there] = [
      await trained(size, 'cpu', 'f32', 8),
      await trained(size, device, 'f32', 8),
    ];
    for (const [step, loss] of here.losses.entries()) {
      const error = Math.abs(there.losses[step] - loss) / Math.abs(loss);
      const tolerance = step === 0 ? 1e-5 : 1e-3;
      if (!(error <= tolerance)) {
        faults.push(`${nameOf(size)}: the loss of step ${step} is off by ${error} from the CPU's`);
      }
      if (!(error <= worst)) worst = error;
    }
  }
  figures.push(`losses of the CPU within ${worst.toExponential(0)}`);
}

for (const check of [determinism, equalRows, agreement]) {
  const before = faults.length;
  await check();
  if (faults.length > before) figures.pop();
}
for (const fault of faults) console.error(fault);
console.log(`figure: ${[...figures, ...faults].join(', ')}`);
if (faults.length > 0) process.exitCode = 1;
