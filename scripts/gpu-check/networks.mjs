// Small networks and data that the checks share.
import {
  arrayData,
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  rmsprop,
  sequential,
} from 'bnlstm';

/** @typedef {import('bnlstm').Model} Model */
/** @typedef {{ plain?: boolean } & Pick<import('bnlstm').ModelOptions, 'dtype' | 'plan' | 'tf32'>} Choice */
/** @typedef {{ rows: number, steps: number, features: number, hidden: number }} Size */

const classes = 5;

/** Uniform in -1..1, the same everywhere. @param {number} count @param {number} seed */
export function noise(count, seed) {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** @param {Size} size @param {number} [seed] @param {boolean} [ragged] rows of different lengths */
export function noiseData({ rows, steps, features }, seed = 1, ragged = false) {
  const targets = Int32Array.from(noise(rows, seed + 1), (value) =>
    Math.min(classes - 1, Math.floor(((value + 1) / 2) * classes)),
  );
  const inputs = noise(rows * steps * features, seed);
  const lengths = Int32Array.from({ length: rows }, (_, row) => 1 + (row % steps));
  return arrayData({ inputs, targets, steps, features, ...(ragged && { lengths }) });
}

/**
 * A classifier of sequences, always with the same weights.
 * @param {string} device @param {Size} size
 * @param {Choice} [choice]
 */
export function classifier(device, { steps, features, hidden }, choice = {}) {
  const { plain = false, ...options } = choice;
  const recurrent = plain ? lstm({ hidden }) : bnLstm({ hidden, maxSteps: steps });
  const layers = [recurrent, lastStep(), linear(classes)];
  return sequential({ features, device, seed: 1, ...options }, layers);
}

/**
 * The losses of some training steps.
 * @param {Model} model @param {import('bnlstm').DataSource} data
 * @param {number} batchSize @param {number} iterations
 */
export async function train(model, data, batchSize, iterations) {
  const optimizer = rmsprop({ learningRate: 1e-3 });
  const trainer = model.trainer({ loss: crossEntropy(), optimizer, clipNorm: 1 });
  const losses = [];
  for await (const { loss } of trainer.run(data, { batchSize, iterations })) losses.push(loss);
  trainer.dispose();
  return losses;
}

/** All parameters, one after another. @param {Model} model */
export async function parametersOf(model) {
  /** @type {Float32Array[]} */
  const arrays = [];
  for (const { name } of model.parameters) arrays.push(await model.get(name));
  const values = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let from = 0;
  for (const array of arrays) {
    values.set(array, from);
    from += array.length;
  }
  return values;
}

/** Whether the bits are the same. @param {Float32Array} a @param {Float32Array} b */
export function sameBits(a, b) {
  const bytes = (/** @type {Float32Array} */ array) =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}
