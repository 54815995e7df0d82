// One bnLstm with everything given, run on a device or by the float64 reference: the two sides of
// `selfTest`, of the golden tool and of the numeric tests. Arrays have the device's shapes.
import type { DType, HostArray, NativeStream } from '../native.js';
import { type BnLstmOptions, bnLstm } from '../ops/bn_lstm.js';
import { bnLstmPack, packedBytes } from '../ops/bn_lstm_pack.js';
import { mapStatistics, statisticsShapes } from '../ops/statistics.js';
import { Graph } from '../program/graph.js';
import type { Gradients, Parameter } from '../program/recording.js';
import { count, type Shape, type Value } from '../program/value.js';

/** T steps, B rows, D input size (or vocabulary, with tokens), H hidden size, R directions. */
export interface BnLstmCase {
  readonly T: number;
  readonly B: number;
  readonly D: number;
  readonly H: number;
  readonly options: BnLstmOptions;
  /** [T][B][D], or [T][B] with `tokens`. */
  readonly x?: Float64Array;
  readonly tokens?: Int32Array;
  /**
   * wx [R][D][4H], wh [R][H][4H], b [R][4H], h0 and c0 [R*H] or [B][R*H]; with norm 'batch' also
   * gammaX, gammaH [R][4H], gammaC, betaC [R][H]; betaC may be there with norm 'none'.
   */
  readonly parameters: Readonly<Record<string, Float64Array>>;
  /** The six tables [R][S][4H], [R][S][H], by name; absent: batch statistics. */
  readonly population?: Readonly<Record<string, Float64Array>>;
  readonly lengths?: Int32Array;
  readonly firstStep?: Int32Array;
  readonly attempt?: number;
  /** Upstream gradients by name: dy [T][B][R*H], dhT and dcT [B][R*H]. None: forward alone. */
  readonly upstream: Readonly<Record<string, Float64Array>>;
}

/**
 * y, cAll, hT, cT, the batch statistics and the gradients dx, dwx, dwh, db, dgammaX, dgammaH,
 * dgammaC, dbetaC, dh0, dc0, as far as the case has them.
 */
export type CaseResult = Map<string, Float32Array | Float64Array>;

/** Runs a case on the stream's device, in the dtype of its options. */
export async function runCase(stream: NativeStream, given: BnLstmCase): Promise<CaseResult> {
  const { T, B, D, H, options } = given;
  const { directions: R, dtype = 'f32' } = options;
  const graph = new Graph(stream);
  const inputs: Record<string, HostArray> = {};
  const input = (name: string, data: ArrayLike<number>, shape: Shape, type: DType = 'f32') => {
    inputs[name] = type === 'i32' ? Int32Array.from(data) : Float32Array.from(data);
    return graph.input(name, type, shape);
  };
  const integers = (name: string, data: ArrayLike<number> | undefined, shape: Shape) =>
    data && input(name, data, shape, 'i32');

  const parameters: Parameter[] = [];
  const trained = async (name: string, data: Float64Array, shape: Shape): Promise<Value> => {
    const place = () => ({ array: stream.array(4 * count(shape)), offset: 0 });
    const parameter = { name, shape, value: place(), gradient: place() };
    parameters.push(parameter);
    await stream.write(parameter.value.array, 0, Float32Array.from(data));
    return graph.parameter(parameter);
  };
  const shapes: Record<string, Shape> = {
    wx: [R, D, 4 * H],
    wh: [R, H, 4 * H],
    gammaC: [R, H],
    betaC: [R, H],
    h0: options.initialState === 'learned' ? [R * H] : [B, R * H],
  };
  const operands: Record<string, Value> = {};
  for (const [name, data] of Object.entries(given.parameters)) {
    const shape = (name === 'c0' ? shapes.h0 : shapes[name]) ?? [R, 4 * H];
    operands[name] = await trained(name, data, shape);
  }
  if (given.x) operands.x = input('x', given.x, [T, B, D], dtype);
  const tokens = integers('tokens', given.tokens, [T, B]);
  const { wx, wh, b, h0, c0 } = operands as Record<'wx' | 'wh' | 'b' | 'h0' | 'c0', Value>;

  const sizes = { directions: R, inputs: D, hidden: H, tokens: !!tokens, dtype };
  const bytes = packedBytes(stream, sizes);
  const place = { array: stream.array(bytes), offset: 0 };
  const packed = graph.external('packed', place, 'u8', [bytes]);
  bnLstmPack(graph, { wx, wh, packed, tokens: tokens !== undefined, dtype });

  const tables = given.population;
  const steps = tables ? (tables.cellMean as Float64Array).length / (R * H) : T;
  const tableShapes = statisticsShapes(R, steps, H, options.inputStatistics);
  const result = bnLstm(
    graph,
    {
      ...operands,
      ...{ wx, wh, b, h0, c0, packed, tokens },
      lengths: integers('lengths', given.lengths, [B]),
      firstStep: integers('firstStep', given.firstStep, [B]),
      attempt: integers('attempt', [given.attempt ?? 0], [1]),
      population:
        tables &&
        mapStatistics((name) => input(name, tables[name] as Float64Array, tableShapes[name])),
    },
    options,
  );
  const { y, hT, cT, cAll, statistics } = result;
  for (const [name, value] of Object.entries({ y, hT, cT, cAll, ...statistics })) {
    graph.output(name, value);
  }

  if (Object.keys(given.upstream).length > 0) {
    const upstream = new Map<Value, Value>();
    for (const [name, data] of Object.entries(given.upstream)) {
      const of = { dy: y, dhT: hT, dcT: cT }[name] as Value;
      upstream.set(of, input(name, data, of.shape, of.dtype));
    }
    const into = new Map<string, Value>();
    const gradients: Gradients = {
      of: (value) => upstream.get(value),
      needs: () => true,
      into: ({ label, dtype, shape }) => {
        const gradient = parameters.find(({ name }) => name === label)?.gradient;
        const value = gradient
          ? graph.external(`d${label}`, gradient, dtype, shape)
          : graph.value(dtype, shape, `d${label}`);
        into.set(`d${label}`, value);
        return value;
      },
    };
    graph.ops.find(({ name }) => name === 'bnLstm')?.gradient?.(gradients);
    for (const [name, value] of into) graph.output(name, value);
  }
  const program = graph.compile();
  try {
    return new Map(Object.entries(await program.run(inputs))) as CaseResult;
  } finally {
    program.dispose();
    place.array.dispose();
    for (const { value, gradient } of parameters) {
      value.array.dispose();
      gradient?.array.dispose();
    }
  }
}

/** The largest |a - b|, and the largest |b|. NaN anywhere gives NaN. */
export function deviation(a: ArrayLike<number>, b: ArrayLike<number>) {
  let error = a.length === b.length ? 0 : Number.NaN;
  let largest = 0;
  for (let k = 0; k < b.length; k++) {
    error = Math.max(error, Math.abs((a[k] as number) - (b[k] as number)));
    largest = Math.max(largest, Math.abs(b[k] as number));
  }
  return { error, largest };
}
