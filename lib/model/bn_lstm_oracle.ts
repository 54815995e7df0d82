import { seedOptions } from '../ops/seed.js';
import { statisticsNames } from '../ops/statistics.js';
import { Philox } from '../random.js';
import { backward, forward } from '../reference/bn_lstm.js';
import type { BnLstmOptions, LstmParameters, Statistics, Zoneout } from '../reference/contract.js';
import { toBf16 } from '../reference/rounding.js';
import type { BnLstmCase, CaseResult } from './bn_lstm_case.js';

/**
 * What `runCase` should give, by the reference in float64: the same names and shapes. With dtype
 * 'bf16' it rounds where the op does, and is in full precision elsewhere.
 */
export function oracle(given: BnLstmCase): CaseResult {
  const { T, B, D, H, options } = given;
  const R = options.directions;
  const round = options.dtype === 'bf16' ? toBf16 : undefined;
  /** As the copy to the device leaves it. */
  const copied = (data: Float64Array) => (round ? data.map(round) : data);
  const upstream = mapValues(given.upstream, (data, name) =>
    name === 'dcT' ? data : copied(data),
  );
  const learned = options.initialState === 'learned';
  const result: CaseResult = new Map();
  /** Puts one direction's part into a tensor whose axes are [outer][R][inner]. */
  const place = (name: string, part: Float64Array, r: number, outer: number) => {
    const whole = result.get(name) ?? new Float64Array(part.length * R);
    const inner = part.length / outer;
    for (let k = 0; k < outer; k++) {
      whole.set(part.subarray(k * inner, (k + 1) * inner), (k * R + r) * inner);
    }
    result.set(name, whole);
  };

  for (let r = 0; r < R; r++) {
    const own = slicer(R, r);
    const states = learned ? 1 : B;
    const p = mapValues(given.parameters, (data, name) =>
      own(data, name === 'h0' || name === 'c0' ? states : 1),
    );
    const h0 = withNoise(given, r, p.h0 as Float64Array);
    const directionOptions: BnLstmOptions = {
      ...{ T, B, D, H, norm: options.norm, eps: options.eps },
      inputStatistics: options.inputStatistics,
      lengthStatistics: options.lengthStatistics,
      reverse: r === 1,
      ...(given.lengths && { lengths: given.lengths }),
      ...(given.firstStep && { firstStep: given.firstStep }),
      ...(given.population && {
        statistics: 'population',
        population: mapValues(given.population, (data) => own(data, 1)) as unknown as Statistics,
      }),
      zoneoutC: zoneout(given, r, options.zoneoutC, 1),
      zoneoutH: zoneout(given, r, options.zoneoutH, 2),
      ...(round && { round }),
    };
    const x = given.tokens ?? copied(given.x as Float64Array);
    const parameters = p as unknown as LstmParameters;
    const out = forward(parameters, x, h0, p.c0 as Float64Array, directionOptions);
    place('y', out.y, r, T * B);
    place('cAll', out.c, r, T * B);
    place('hT', out.hT, r, B);
    place('cT', out.cT, r, B);
    if (options.norm === 'batch' && !given.population) {
      for (const name of statisticsNames) place(name, out.statistics[name], r, 1);
    }
    if (Object.keys(upstream).length === 0) continue;
    const gradients = backward(parameters, out, {
      ...(upstream.dy && { dy: own(upstream.dy, T * B) }),
      ...(upstream.dhT && { dhT: own(upstream.dhT, B) }),
      ...(upstream.dcT && { dcT: own(upstream.dcT, B) }),
    });
    for (const name of Object.keys(given.parameters)) {
      if (name === 'h0' || name === 'c0') {
        place(`d${name}`, learned ? gradients[name] : gradients[`${name}Rows`], r, states);
      } else place(`d${name}`, gradients[name as keyof LstmParameters] as Float64Array, r, 1);
    }
    if (gradients.x) {
      const sum = result.get('dx') ?? new Float64Array(T * B * D);
      result.set(
        'dx',
        sum.map((value, k) => value + (gradients.x as Float64Array)[k]),
      );
    }
  }
  // Both directions' parts together, once.
  const dx = result.get('dx');
  if (dx && round) result.set('dx', dx.map(round));
  return result;
}

/** Takes direction r out of a tensor whose axes are [outer][R][inner]. */
function slicer(R: number, r: number) {
  return (whole: Float64Array, outer: number): Float64Array => {
    const inner = whole.length / outer / R;
    const part = new Float64Array(outer * inner);
    for (let k = 0; k < outer; k++) {
      part.set(whole.subarray((k * R + r) * inner, (k * R + r + 1) * inner), k * inner);
    }
    return part;
  };
}

function mapValues(
  tensors: Readonly<Record<string, Float64Array>>,
  map: (data: Float64Array, name: string) => Float64Array,
): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(tensors).map(([name, data]) => [name, map(data, name)]));
}

/** The random numbers that native/ops/bn_lstm.h promises; the op is the program's first random one. */
function random({ options, attempt = 0 }: BnLstmCase, stream: number): Philox {
  const { seedLow, seedHigh } = seedOptions(options.seed);
  return new Philox({ low: seedLow, high: seedHigh }, stream, attempt);
}

function withNoise(given: BnLstmCase, r: number, h0: Float64Array): Float64Array {
  const { B, H, options } = given;
  if (options.noise === 0) return h0;
  const normal = random(given, 0);
  return Float64Array.from({ length: B * H }, (_, k) => {
    const [n, j] = [Math.floor(k / H), k % H];
    const index = (n * options.directions + r) * H + j;
    const initial = options.initialState === 'learned' ? h0[j] : h0[k];
    return (initial as number) + options.noise * normal.normal(index);
  });
}

function zoneout(given: BnLstmCase, r: number, rate: number, stream: number): Zoneout {
  if (rate === 0 || given.options.zoneout === 'expect') return { rate };
  const { T, B, H, options } = given;
  const uniform = random(given, stream);
  const mask = Float64Array.from({ length: T * B * H }, (_, k) => {
    const index = (Math.floor(k / H) * options.directions + r) * H + (k % H);
    return uniform.uniform(index) < rate ? 1 : 0;
  });
  return { mask };
}
