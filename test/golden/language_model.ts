import type { FloatType, NativeStream } from '../../lib/native.js';
import { bnLstm } from '../../lib/ops/bn_lstm.js';
import { bnLstmPack, packedBytes } from '../../lib/ops/bn_lstm_pack.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { linear } from '../../lib/ops/linear.js';
import { Graph } from '../../lib/program/graph.js';
import type { Parameter } from '../../lib/program/recording.js';
import { count, type Place, type Shape, type Value } from '../../lib/program/value.js';
import type { LanguageModelCase } from '../reference/golden.js';
import type { Comparison } from './comparison.js';
import { DeviceMemory } from './device.js';

/** Parameters with their gradients, by name. */
type Parameters = Map<string, Parameter & { readonly gradient: Place }>;

async function makeParameters(
  memory: DeviceMemory,
  { parameters, wy, by, options: { D, H } }: LanguageModelCase,
): Promise<Parameters> {
  const { wx, wh, b, gammaX, gammaH, gammaC, betaC } = parameters;
  const zero = new Float64Array(H);
  const all: [name: string, shape: Shape, values: Float64Array][] = [
    ['wx', [1, D, 4 * H], wx],
    ['wh', [1, H, 4 * H], wh],
    ['b', [1, 4 * H], b],
    ['gammaX', [1, 4 * H], gammaX],
    ['gammaH', [1, 4 * H], gammaH],
    ['gammaC', [1, H], gammaC],
    ['betaC', [1, H], betaC],
    ['h0', [H], zero],
    ['c0', [H], zero],
    ['wy', [H, D], wy],
    ['by', [D], by],
  ];
  const made: Parameters = new Map();
  for (const [name, shape, values] of all) {
    const [value, gradient] = [memory.zeros(count(shape)), memory.zeros(count(shape))];
    await memory.write(value, Float32Array.from(values));
    made.set(name, { name, shape, value, gradient });
  }
  return made;
}

/** The loss of predicting every next token. */
function recordLoss(
  graph: Graph,
  memory: DeviceMemory,
  parameters: Parameters,
  { options: { T, B, D, H, eps = 1e-5 } }: LanguageModelCase,
  dtype: FloatType,
): Value {
  const p = Object.fromEntries(
    [...parameters].map(([name, parameter]) => [name, graph.parameter(parameter)]),
  );
  const sizes = { directions: 1, inputs: D, hidden: H, tokens: true, dtype };
  const bytes = packedBytes(graph.stream, sizes);
  const packed = graph.external('packed', memory.zeros(Math.ceil(bytes / 4)), 'u8', [bytes]);
  bnLstmPack(graph, { wx: p.wx, wh: p.wh, packed, tokens: true, dtype });
  const { y } = bnLstm(
    graph,
    {
      tokens: graph.input('tokens', 'i32', [T, B]),
      packed,
      ...{ wx: p.wx, wh: p.wh, b: p.b, gammaX: p.gammaX, gammaH: p.gammaH },
      ...{ gammaC: p.gammaC, betaC: p.betaC, h0: p.h0, c0: p.c0 },
    },
    {
      directions: 1,
      hidden: H,
      norm: 'batch',
      inputStatistics: 'step',
      lengthStatistics: 'valid',
      eps,
      initialState: 'learned',
      noise: 0,
      zoneoutC: 0,
      zoneoutH: 0,
      zoneout: 'sample',
      seed: { low: 0, high: 0 },
      dtype,
    },
  );
  const targets = graph.input('targets', 'i32', [T, B]);
  return crossEntropy(graph, linear(graph, y, p.wy, p.by, 'f32'), targets).loss;
}

/** A language model: tokens, a BN-LSTM from learned states, softmax at every step. */
export async function compareLanguageModel(
  stream: NativeStream,
  golden: LanguageModelCase,
  dtype: FloatType,
): Promise<Comparison[]> {
  const { tokens, targets, expected } = golden;
  const memory = new DeviceMemory(stream);
  try {
    const parameters = await makeParameters(memory, golden);
    const graph = new Graph(stream);
    const loss = recordLoss(graph, memory, parameters, golden, dtype);
    graph.output('loss', loss);
    graph.backward(loss);
    for (const { name, shape, gradient } of parameters.values()) {
      graph.output(`d${name}`, graph.external(`d${name}`, gradient, 'f32', shape));
    }
    const program = graph.compile();
    const result = await program.run({ tokens, targets });
    program.dispose();
    const bits = result.loss[0] / Math.LN2;
    const { loss: nats, bitsPerCharacter, gradients } = expected;
    return [
      { tensor: 'loss', kind: 'forward', actual: result.loss, expected: [nats] },
      { tensor: 'bpc', kind: 'forward', actual: [bits], expected: [bitsPerCharacter] },
      ...Object.entries(gradients).map(
        ([name, wanted]): Comparison => ({
          tensor: `d${name}`,
          kind: 'gradient',
          actual: result[`d${name}`] ?? [],
          expected: wanted,
        }),
      ),
    ];
  } finally {
    memory.dispose();
  }
}
