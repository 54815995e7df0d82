/** Output layer and losses. Losses are means over the counted entries only, in nats. */
import { addTransposedProduct, multiply, multiplyTransposed, sumRows } from './matrix.js';

/** y [rows][outputs] = x [rows][inputs] · w [inputs][outputs] + b [outputs]. */
export function linear(x: Float64Array, w: Float64Array, b: Float64Array): Float64Array {
  const outputs = b.length;
  const inputs = w.length / outputs;
  const y = multiply(x, w, x.length / inputs, inputs, outputs);
  return y.map((value, k) => value + b[k % outputs]);
}

export function linearBackward(
  x: Float64Array,
  w: Float64Array,
  dy: Float64Array,
  outputs: number,
) {
  const inputs = w.length / outputs;
  const rows = dy.length / outputs;
  const dw = new Float64Array(w.length);
  addTransposedProduct(dw, x, dy, rows, inputs, outputs);
  const dx = multiplyTransposed(dy, w, rows, outputs, inputs);
  return { x: dx, w: dw, b: sumRows(dy, outputs) };
}

export interface Loss {
  /** 0 where nothing is counted. */
  loss: number;
  /** Entries behind the mean: rows of the cross entropy, elements of the squared error. */
  count: number;
  /** The gradient of the loss; 0 for entries that are not counted. */
  gradient: Float64Array;
}

const counts = (mask: ArrayLike<number> | undefined, n: number) => mask?.[n] !== 0;

/** −mean log softmax(logits)[target]; logits [rows][classes], targets and the 0/1 mask [rows]. */
export function softmaxCrossEntropy(
  logits: Float64Array,
  targets: ArrayLike<number>,
  mask?: ArrayLike<number>,
): Loss {
  const classes = logits.length / targets.length;
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  let count = 0;
  for (let n = 0; n < targets.length; n++) {
    if (!counts(mask, n)) continue;
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const logSum = max + Math.log(row.reduce((sum, z) => sum + Math.exp(z - max), 0));
    loss += logSum - row[targets[n]];
    count++;
    for (let v = 0; v < classes; v++)
      gradient[n * classes + v] = Math.exp(row[v] - logSum) - (v === targets[n] ? 1 : 0);
  }
  return mean(loss, count, gradient);
}

/** mean (prediction − target)², both [rows][width]; the optional 0/1 mask is [rows]. */
export function meanSquaredError(
  prediction: Float64Array,
  target: ArrayLike<number>,
  mask?: ArrayLike<number>,
): Loss {
  const width = mask ? prediction.length / mask.length : 1;
  const gradient = new Float64Array(prediction.length);
  let loss = 0;
  let count = 0;
  for (let k = 0; k < prediction.length; k++) {
    if (!counts(mask, Math.floor(k / width))) continue;
    const difference = prediction[k] - target[k];
    loss += difference * difference;
    count++;
    gradient[k] = 2 * difference;
  }
  return mean(loss, count, gradient);
}

function mean(sum: number, count: number, gradient: Float64Array): Loss {
  if (count === 0) return { loss: 0, count, gradient };
  return { loss: sum / count, count, gradient: gradient.map((value) => value / count) };
}
