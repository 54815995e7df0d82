// Which types the ops give and take in a bf16 network.
import { expect, test } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import type { DType, NativeOp } from '../../lib/native.js';
import { add } from '../../lib/ops/add.js';
import { type BnLstmOptions, bnLstm } from '../../lib/ops/bn_lstm.js';
import { bnLstmPack, packedBytes } from '../../lib/ops/bn_lstm_pack.js';
import { cast } from '../../lib/ops/cast.js';
import { concat } from '../../lib/ops/concat.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { dropout } from '../../lib/ops/dropout.js';
import { embedding } from '../../lib/ops/embedding.js';
import { lastStep } from '../../lib/ops/last_step.js';
import { linear } from '../../lib/ops/linear.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import { Graph } from '../../lib/program/graph.js';
import type { Shape } from '../../lib/program/value.js';
import { FakeStream } from '../program/fake_stream.js';

const [T, B, D, H, C] = [5, 2, 3, 4, 6];

function setUp() {
  const stream = new FakeStream();
  const graph = new Graph(stream);
  let inputs = 0;
  const input = (dtype: DType, ...shape: Shape) => graph.input(`x${inputs++}`, dtype, shape);
  const parameter = (name: string, ...shape: Shape) =>
    graph.parameter(stream.parameter(name, shape));
  const compiled = (): readonly NativeOp[] => {
    graph.compile();
    return stream.programs[0].ops;
  };
  return { stream, graph, input, parameter, compiled };
}

/** Types of the operands by name, of the op of that name. */
const types = (ops: readonly NativeOp[], name: string) => {
  const operands = ops.find((op) => op.name === name)?.operands ?? {};
  return Object.fromEntries(Object.entries(operands).map(([key, { dtype }]) => [key, dtype]));
};

test('activations keep their type', () => {
  const { graph, input } = setUp();
  const x = input('bf16', T, B, D);
  const attempt = input('i32', 1);
  const results = [
    add(graph, x, x),
    concat(graph, [x, x]),
    dropout(graph, x, { rate: 0.5, seed: 1n, attempt }),
    lastStep(graph, x),
    embedding(graph, input('i32', T, B), input('f32', 9, D), 'bf16'),
    linear(graph, x, input('f32', D, C)),
    linear(graph, input('f32', B, D), input('f32', D, C), undefined, 'bf16'),
    cast(graph, input('f32', 2), 'bf16'),
  ];
  expect(results.map(({ dtype }) => dtype)).toEqual(results.map(() => 'bf16'));
  expect(linear(graph, x, input('f32', D, C), undefined, 'f32').dtype).toBe('f32');
  expect(crossEntropy(graph, input('bf16', B, C), input('i32', B)).loss.dtype).toBe('f32');
});

test('a cast to the same type is no op, and the gradient of a cast is the cast back', () => {
  const { graph, parameter, input, compiled } = setUp();
  const x = parameter('x', B, C);
  expect(cast(graph, x, 'f32')).toBe(x);
  const y = cast(graph, x, 'bf16');
  graph.backward(meanSquaredError(graph, y, input('f32', B, C)).loss);
  const casts = compiled().filter(({ name }) => name === 'cast');
  expect(casts.map(({ operands: { x, y } }) => [x.dtype, y.dtype])).toEqual([
    ['f32', 'bf16'],
    ['bf16', 'f32'],
  ]);
});

test('a gradient has the type of what it is the gradient of', () => {
  const { graph, parameter, input, compiled } = setUp();
  const x = embedding(graph, input('i32', T, B), parameter('table', 9, D), 'bf16');
  const hidden = linear(graph, add(graph, x, x), parameter('w', D, D));
  const logits = linear(graph, lastStep(graph, hidden), parameter('v', D, C), undefined, 'f32');
  graph.backward(crossEntropy(graph, logits, input('i32', B)).loss);
  const ops = compiled();
  const [last, first] = ops.filter(({ name }) => name === 'linearBackward');
  expect(types([last], 'linearBackward')).toEqual({
    ...{ x: 'bf16', w: 'f32', dy: 'f32', dx: 'bf16', dw: 'f32' },
  });
  expect(types([first], 'linearBackward')).toEqual({
    ...{ x: 'bf16', w: 'f32', dy: 'bf16', dx: 'bf16', dw: 'f32' },
  });
  expect(types(ops, 'embeddingBackward')).toMatchObject({ dy: 'bf16', dtable: 'f32' });
  const sums = ops.filter(({ name }) => name === 'add').map(({ operands }) => operands.y.dtype);
  expect(sums).toEqual(['bf16', 'bf16']);
});

const options: BnLstmOptions = {
  ...{ directions: 1, hidden: H, norm: 'batch', eps: 1e-5, seed: 1n, dtype: 'bf16' },
  ...{ inputStatistics: 'step', lengthStatistics: 'valid', initialState: 'learned' },
  ...{ noise: 0, zoneoutC: 0, zoneoutH: 0, zoneout: 'sample' },
};

test('bnLstm: x, y, hT and their gradients; states, statistics and parameters stay f32', () => {
  const { stream, graph, parameter, input, compiled } = setUp();
  const x = embedding(graph, input('i32', T, B), parameter('table', 9, D), 'bf16');
  const packed = graph.external('packed', stream.place(64), 'u8', [64]);
  const [wx, wh] = [parameter('wx', 1, D, 4 * H), parameter('wh', 1, H, 4 * H)];
  bnLstmPack(graph, { wx, wh, packed, tokens: false, dtype: 'bf16' });
  const operands = {
    ...{ x, packed, wx, wh, b: parameter('b', 1, 4 * H) },
    ...{ gammaX: parameter('gammaX', 1, 4 * H), gammaH: parameter('gammaH', 1, 4 * H) },
    ...{ gammaC: parameter('gammaC', 1, H), betaC: parameter('betaC', 1, H) },
    ...{ h0: parameter('h0', H), c0: parameter('c0', H) },
  };
  const { y, hT, cT, cAll } = bnLstm(graph, operands, options);
  const joined = concat(graph, [lastStep(graph, y), hT]);
  graph.backward(
    add(
      graph,
      meanSquaredError(graph, joined, input('f32', B, 2 * H)).loss,
      meanSquaredError(graph, cT, input('f32', B, H)).loss,
    ),
  );
  graph.output('cAll', cAll);
  const ops = compiled();
  const half = { x: 'bf16', y: 'bf16', hT: 'bf16', dx: 'bf16', dy: 'bf16', dhT: 'bf16' };
  const opaque = { packed: 'u8', saved: 'u8', scratch: 'u8' };
  for (const name of ['bnLstm', 'bnLstmBackward']) {
    const found = types(ops, name);
    for (const [key, dtype] of Object.entries(found)) {
      expect([key, dtype]).toEqual([key, { ...half, ...opaque }[key] ?? 'f32']);
    }
    expect(ops.find((op) => op.name === name)?.options).toMatchObject({
      dtype: 'bf16',
      recompute: 0,
    });
  }
  expect(types(ops, 'bnLstmBackward')).toMatchObject({ dx: 'bf16', dy: 'bf16', dhT: 'bf16' });
  expect(types(ops, 'bnLstmBackward').dcT).toBe('f32');
  expect(ops.find(({ name }) => name === 'bnLstmPack')?.options).toEqual({
    tokens: false,
    dtype: 'bf16',
  });
});

test('packed weights have the size of their dtype', () => {
  const { stream } = setUp();
  packedBytes(stream, { directions: 1, inputs: D, hidden: H, tokens: false, dtype: 'bf16' });
  expect(stream.asked[0].options).toEqual({ tokens: false, dtype: 'bf16' });
});

test('mistakes name the operand', () => {
  const { graph, input } = setUp();
  const wrong = (run: () => unknown, message: string) => {
    expect(run).toThrow(BnLstmError);
    expect(run).toThrow(message);
  };
  const [half, full, ids] = [input('bf16', B, C), input('f32', B, C), input('i32', B, C)];
  wrong(() => add(graph, half, full), 'add: b: expected bf16 [2][6], got f32 [2][6]');
  wrong(() => add(graph, ids, ids), 'add: a: expected f32 or bf16 [...], got i32 [2][6]');
  wrong(() => concat(graph, [full, half]), 'concat: x1: expected f32 [2][6], got bf16 [2][6]');
  wrong(() => cast(graph, ids, 'f32'), 'cast: x: expected f32 or bf16 [...], got i32 [2][6]');
  wrong(
    () => meanSquaredError(graph, half, half),
    'meanSquaredError: target: expected f32 [2][6], got bf16 [2][6]',
  );
  wrong(
    () => linear(graph, half, input('bf16', C, D)),
    'linear: w: expected f32 [6][3], got bf16 [6][3]',
  );
});
