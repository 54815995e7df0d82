import type { BnLstmCase } from '../../lib/model/bn_lstm_case.js';
import type { BnLstmOptions } from '../../lib/ops/bn_lstm.js';
import { Philox } from '../../lib/random.js';

const defaults: BnLstmOptions = {
  directions: 1,
  hidden: 1,
  norm: 'batch',
  inputStatistics: 'step',
  lengthStatistics: 'valid',
  eps: 1e-5,
  // A learned h0 is equal in all rows: zero variance at the first step, where f32 has no digits left.
  initialState: 'rows',
  noise: 0,
  zoneoutC: 0,
  zoneoutH: 0,
  zoneout: 'expect',
  seed: 7n,
};

export interface CaseShape {
  T: number;
  B: number;
  D: number;
  H: number;
  seed?: number;
  tokens?: boolean;
  lengths?: ArrayLike<number>;
  /** Table steps of random population statistics; absent: batch statistics. */
  population?: number;
  firstStep?: ArrayLike<number>;
  /** With norm 'none': the authors' betaC. */
  cellBias?: boolean;
  upstream?: readonly ('dy' | 'dhT' | 'dcT')[];
  attempt?: number;
  options?: Partial<BnLstmOptions>;
}

/** A case of random numbers that f32 holds exactly, so that both sides see the same inputs. */
export function randomCase(shape: CaseShape): BnLstmCase {
  const { T, B, D, H, population, upstream = ['dy', 'dhT', 'dcT'] } = shape;
  const options: BnLstmOptions = { ...defaults, hidden: H, ...shape.options };
  const R = options.directions;
  let stream = 0;
  const normal = (count: number, deviation: number, mean = 0) => {
    const random = new Philox(shape.seed ?? 1, stream++);
    return Float64Array.from({ length: count }, (_, k) =>
      Math.fround(mean + deviation * random.normal(k)),
    );
  };
  const positive = (count: number, least: number, most: number) => {
    const random = new Philox(shape.seed ?? 1, stream++);
    return Float64Array.from({ length: count }, (_, k) =>
      Math.fround(least + (most - least) * random.uniform(k)),
    );
  };
  const G = 4 * H;
  const b = normal(R * G, 0.2);
  for (let r = 0; r < R; r++)
    for (let j = 0; j < H; j++) b[r * G + j] = Math.fround((b[r * G + j] as number) + 1);
  const states = options.initialState === 'learned' ? R * H : B * R * H;
  const parameters: Record<string, Float64Array> = {
    wx: normal(R * D * G, shape.tokens ? 0.6 : 0.6 / Math.sqrt(D)),
    wh: normal(R * H * G, 1 / Math.sqrt(H)),
    b,
    h0: normal(states, 0.3),
    c0: normal(states, 0.3),
  };
  if (options.norm === 'batch') {
    parameters.gammaX = positive(R * G, 0.05, 0.6);
    parameters.gammaH = positive(R * G, 0.05, 0.6);
    parameters.gammaC = positive(R * H, 0.05, 0.6);
  }
  if (options.norm === 'batch' || shape.cellBias) parameters.betaC = normal(R * H, 0.1);
  const S = population ?? 0;
  const U = options.inputStatistics === 'sequence' ? 1 : S;
  const token = new Philox(shape.seed ?? 1, stream++);
  const gradientShapes = { dy: T * B * R * H, dhT: B * R * H, dcT: B * R * H };
  return {
    ...{ T, B, D, H, options, parameters },
    ...(shape.tokens
      ? { tokens: Int32Array.from({ length: T * B }, (_, k) => token.below(D, k)) }
      : { x: normal(T * B * D, 1) }),
    ...(population !== undefined && {
      population: {
        recurrentMean: normal(R * S * G, 0.3),
        recurrentVar: positive(R * S * G, 0.05, 1.5),
        inputMean: normal(R * U * G, 0.3),
        inputVar: positive(R * U * G, 0.05, 1.5),
        cellMean: normal(R * S * H, 0.2),
        cellVar: positive(R * S * H, 0.05, 0.5),
      },
    }),
    ...(shape.lengths && { lengths: Int32Array.from(shape.lengths) }),
    ...(shape.firstStep && { firstStep: Int32Array.from(shape.firstStep) }),
    attempt: shape.attempt ?? 0,
    upstream: Object.fromEntries(upstream.map((name) => [name, normal(gradientShapes[name], 1)])),
  };
}
