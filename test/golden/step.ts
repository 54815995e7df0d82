import { type BnLstmCase, type CaseResult, runCase } from '../../lib/model/bn_lstm_case.js';
import type { FloatType, NativeStream } from '../../lib/native.js';
import { statisticNames } from '../../lib/reference/contract.js';
import type { StepCase } from '../reference/golden.js';
import type { Comparison } from './comparison.js';

/** States [H] or [B][H] as [B][H]. */
function perRow(state: Float64Array, B: number, H: number): Float64Array {
  return Float64Array.from({ length: B * H }, (_, k) => state[k % state.length]);
}

function toCase(golden: StepCase, dtype: FloatType): BnLstmCase {
  const { parameters, x, h0, c0, dy, dcT, options } = golden;
  const { T, B, D, H, eps = 1e-5, lengths, population } = options;
  return {
    ...{ T, B, D, H, x },
    parameters: { ...parameters, h0: perRow(h0, B, H), c0: perRow(c0, B, H) },
    upstream: { dy, ...(dcT && { dcT }) },
    ...(lengths && { lengths: Int32Array.from(lengths) }),
    ...(population && { population: { ...population } }),
    options: {
      directions: 1,
      hidden: H,
      norm: 'batch',
      inputStatistics: options.inputStatistics ?? 'step',
      lengthStatistics: options.lengthStatistics ?? 'valid',
      eps,
      initialState: 'rows',
      noise: 0,
      zoneoutC: 0,
      zoneoutH: 0,
      zoneout: 'sample',
      seed: { low: 0, high: 0 },
      dtype,
    },
  };
}

function sumOfRows(rows: ArrayLike<number>, width: number): Float64Array {
  const sum = new Float64Array(width);
  for (let k = 0; k < rows.length; k++) sum[k % width] += rows[k];
  return sum;
}

const dot = (a: ArrayLike<number>, b: Float64Array) => b.reduce((sum, v, k) => sum + v * a[k], 0);

/** Forward and backward of one bnLstm with everything given. */
export async function compareStep(
  stream: NativeStream,
  golden: StepCase,
  dtype: FloatType,
): Promise<Comparison[]> {
  const { expected, dy, dcT, options } = golden;
  const result: CaseResult = await runCase(stream, toCase(golden, dtype));
  const get = (name: string): ArrayLike<number> => result.get(name) ?? [];
  const loss = dot(get('y'), dy) + (dcT ? dot(get('cT'), dcT) : 0);
  const gradient = (name: string): ArrayLike<number> => {
    if (name === 'h0Rows' || name === 'c0Rows') return get(`d${name.slice(0, 2)}`);
    if (name === 'h0' || name === 'c0') return sumOfRows(get(`d${name}`), options.H);
    return get(`d${name}`);
  };
  const forward = (tensor: string, actual: ArrayLike<number>, wanted: ArrayLike<number>) =>
    ({ tensor, kind: 'forward', actual, expected: wanted }) as const;
  return [
    forward('y', get('y'), expected.y),
    forward('c', get('cAll'), expected.c),
    // A sum of as many rounded products as y has elements.
    { tensor: 'loss', kind: 'gradient', actual: [loss], expected: [expected.loss] },
    ...(options.population
      ? []
      : statisticNames.map((name) => forward(name, get(name), expected.statistics[name]))),
    ...Object.entries(expected.gradients).map(
      ([name, wanted]): Comparison => ({
        tensor: `d${name}`,
        kind: 'gradient',
        actual: gradient(name),
        expected: wanted,
      }),
    ),
  ];
}
