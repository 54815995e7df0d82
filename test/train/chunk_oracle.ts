// A model of one BN-LSTM and a linear layer, chunk by chunk, in plain doubles.
import type { Batch } from '../../lib/data/source.js';
import { bnLstm, linear, type Model } from '../../lib/index.js';
import { backward, forward } from '../../lib/reference/bn_lstm.js';
import * as heads from '../../lib/reference/heads.js';

export const sizes = { D: 3, H: 5, C: 4 };
export const eps = 0.1;
const { D, H, C } = sizes;

export const oracleLayers = (options: object = {}) => [
  bnLstm({ hidden: H, maxSteps: 12, gammaInit: 0.5, eps, ...options }),
  linear(C),
];

/** h and c of all rows, [B][H]. */
export interface State {
  readonly h: Float64Array;
  readonly c: Float64Array;
}

/** [B][T][width] as [T][B][width]. */
function timeMajor(values: ArrayLike<number>, B: number, T: number, width: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let k = 0; k < out.length; k++) {
    const [n, t, j] = [Math.floor(k / (T * width)), Math.floor(k / width) % T, k % width];
    out[(t * B + n) * width + j] = values[k];
  }
  return out;
}

/** All parameters of the model, by name. */
export async function readParameters(model: Model): Promise<Record<string, Float64Array>> {
  const entries = model.parameters.map(
    async ({ name }) => [name, Float64Array.from(await model.get(name))] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/**
 * One chunk: rows that `starts` names begin with the learned state, the others with `carried`.
 * Gradients are of this chunk alone, by the names of the model's parameters.
 */
export function oracleChunk(
  p: Record<string, Float64Array>,
  batch: Batch,
  starts: (row: number) => boolean,
  carried?: State,
) {
  const { size: B, steps: T } = batch;
  const targets = timeMajor(batch.targets as Int32Array, B, T, 1);
  const parameters = {
    ...{ wx: p['0.wx'], wh: p['0.wh'], b: p['0.b'], gammaX: p['0.gamma_x'] },
    ...{ gammaH: p['0.gamma_h'], gammaC: p['0.gamma_c'], betaC: p['0.beta_c'] },
  };
  const initial = (learned: Float64Array, rows: Float64Array | undefined) =>
    Float64Array.from({ length: B * H }, (_, k) =>
      starts(Math.floor(k / H)) ? learned[k % H] : (rows as Float64Array)[k],
    );
  const out = forward(
    parameters,
    timeMajor(batch.inputs, B, T, D),
    initial(p['0.h0'], carried?.h),
    initial(p['0.c0'], carried?.c),
    { T, B, D, H, eps, ...(batch.lengths && { lengths: batch.lengths }) },
  );
  const logits = heads.linear(out.y, p['1.w'], p['1.b']);
  const { loss, gradient } = heads.softmaxCrossEntropy(logits, targets);
  const head = heads.linearBackward(out.y, p['1.w'], gradient, C);
  const layer = backward(parameters, out, { dy: head.x });
  const learned = (rows: Float64Array) =>
    Float64Array.from({ length: H }, (_, j) => {
      let sum = 0;
      for (let n = 0; n < B; n++) if (starts(n)) sum += rows[n * H + j];
      return sum;
    });
  const gradients: Record<string, Float64Array> = {
    ...{ '0.wx': layer.wx, '0.wh': layer.wh, '0.b': layer.b, '0.gamma_x': layer.gammaX },
    ...{ '0.gamma_h': layer.gammaH, '0.gamma_c': layer.gammaC, '0.beta_c': layer.betaC },
    ...{ '0.h0': learned(layer.h0Rows), '0.c0': learned(layer.c0Rows) },
    ...{ '1.w': head.w, '1.b': head.b },
  };
  const { hT: h, cT: c, statistics } = out;
  return { loss, gradients, state: { h, c } satisfies State, statistics };
}
