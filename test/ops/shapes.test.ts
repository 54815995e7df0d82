import { expect, test } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import type { DType } from '../../lib/native.js';
import { accumulateGradients, averageGradients } from '../../lib/ops/accumulate_gradients.js';
import { adam } from '../../lib/ops/adam.js';
import { add } from '../../lib/ops/add.js';
import { bnLstmPack, packedBytes } from '../../lib/ops/bn_lstm_pack.js';
import { carryState } from '../../lib/ops/carry_state.js';
import { commitStep } from '../../lib/ops/commit_step.js';
import { concat } from '../../lib/ops/concat.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { dropout } from '../../lib/ops/dropout.js';
import { embedding } from '../../lib/ops/embedding.js';
import { fill } from '../../lib/ops/fill.js';
import { globalNorm } from '../../lib/ops/global_norm.js';
import { keepState } from '../../lib/ops/keep_state.js';
import { lastStep } from '../../lib/ops/last_step.js';
import { linear } from '../../lib/ops/linear.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import { rmsprop } from '../../lib/ops/rmsprop.js';
import { seedOptions } from '../../lib/ops/seed.js';
import { sgd } from '../../lib/ops/sgd.js';
import { Graph } from '../../lib/program/graph.js';
import type { Shape } from '../../lib/program/value.js';
import { FakeStream } from '../program/fake_stream.js';

function setUp() {
  const stream = new FakeStream();
  const graph = new Graph(stream);
  let inputs = 0;
  const f32 = (...shape: Shape) => graph.input(`x${inputs++}`, 'f32', shape);
  const i32 = (...shape: Shape) => graph.input(`x${inputs++}`, 'i32', shape);
  const outside = (dtype: DType, ...shape: Shape) =>
    graph.external('outside', stream.place(4096), dtype, shape);
  return { stream, graph, f32, i32, outside };
}

const wrong = (run: () => unknown, message: string) => {
  let error: unknown;
  try {
    run();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(BnLstmError);
  expect(error).toMatchObject({ code: 'ERR_BNLSTM_ARGUMENT', message });
};

test('shapes of results', () => {
  const { graph, f32, i32 } = setUp();
  const attempt = i32(1);
  expect(linear(graph, f32(5, 2, 3), f32(3, 4), f32(4)).shape).toEqual([5, 2, 4]);
  expect(linear(graph, f32(2, 3), f32(3, 4)).shape).toEqual([2, 4]);
  expect(embedding(graph, i32(5, 2), f32(10, 3)).shape).toEqual([5, 2, 3]);
  expect(concat(graph, [f32(5, 2, 3), f32(5, 2, 1)]).shape).toEqual([5, 2, 4]);
  expect(lastStep(graph, f32(5, 2, 3), i32(2)).shape).toEqual([2, 3]);
  expect(dropout(graph, f32(5, 2), { rate: 0.5, seed: 1n, attempt }).shape).toEqual([5, 2]);
  expect(add(graph, f32(5, 2), f32(5, 2)).shape).toEqual([5, 2]);
  expect(fill(graph, [3, 1], 7).shape).toEqual([3, 1]);
  const state = { learned: f32(4), carried: f32(3, 4), reset: i32(3) };
  expect(carryState(graph, state).shape).toEqual([3, 4]);
  const sequence = crossEntropy(graph, f32(5, 2, 3), i32(5, 2), {
    mask: f32(5, 2),
    lengths: i32(2),
  });
  expect(Object.values(sequence).map(({ shape }) => shape)).toEqual([[1], [1], [1]]);
  expect(meanSquaredError(graph, f32(2, 3), f32(2, 3)).loss.shape).toEqual([1]);
});

test('mistakes name the op, the operand, what was expected and what came', () => {
  const { graph, f32, i32, outside } = setUp();
  wrong(
    () => linear(graph, f32(2, 3), f32(4, 5)),
    'linear: w: expected f32 [3][5], got f32 [4][5]',
  );
  wrong(() => linear(graph, f32(2, 3), f32(3)), 'linear: w: expected f32 [3][O], got f32 [3]');
  wrong(
    () => linear(graph, f32(2, 3), f32(3, 5), f32(3)),
    'linear: b: expected f32 [5], got f32 [3]',
  );
  wrong(
    () => linear(graph, i32(2, 3), f32(3, 5)),
    'linear: x: expected f32 or bf16 [...][I], got i32 [2][3]',
  );
  wrong(
    () => embedding(graph, f32(2), f32(3, 5)),
    'embedding: tokens: expected i32 [...], got f32 [2]',
  );
  wrong(
    () => embedding(graph, i32(2), f32(3)),
    'embedding: table: expected f32 [V][E], got f32 [3]',
  );
  wrong(() => concat(graph, []), 'concat: parts: expected at least one, got none');
  wrong(
    () => concat(graph, [f32(2, 3), f32(3, 3)]),
    'concat: x1: expected f32 [2][3], got f32 [3][3]',
  );
  wrong(
    () => lastStep(graph, f32(2, 3)),
    'lastStep: x: expected f32 or bf16 [T][B][D], got f32 [2][3]',
  );
  wrong(
    () => lastStep(graph, f32(5, 2, 3), i32(3)),
    'lastStep: lengths: expected i32 [2], got i32 [3]',
  );
  for (const rate of [1, -0.1, Number.NaN]) {
    wrong(
      () => dropout(graph, f32(2), { rate, seed: 1n, attempt: i32(1) }),
      `dropout: rate: expected a number in [0, 1), got ${rate}`,
    );
  }
  wrong(() => add(graph, f32(2), f32(3)), 'add: b: expected f32 [2], got f32 [3]');
  wrong(
    () => crossEntropy(graph, f32(2, 3), i32(3)),
    'crossEntropy: targets: expected i32 [2], got i32 [3]',
  );
  wrong(
    () => crossEntropy(graph, f32(5, 2, 3), i32(5, 2), { mask: f32(2, 5) }),
    'crossEntropy: mask: expected f32 [5][2], got f32 [2][5]',
  );
  wrong(
    () => crossEntropy(graph, f32(3), i32(1)),
    'crossEntropy: logits: expected f32 or bf16 [B][C] or [T][B][C], got f32 [3]',
  );
  wrong(
    () => meanSquaredError(graph, f32(2, 3), f32(3, 2)),
    'meanSquaredError: target: expected f32 [2][3], got f32 [3][2]',
  );
  const state = { learned: f32(4), carried: f32(3, 4), reset: i32(3) };
  wrong(
    () => carryState(graph, { ...state, carried: f32(12) }),
    'carryState: carried: expected f32 [B][W], got f32 [12]',
  );
  wrong(
    () => carryState(graph, { ...state, learned: f32(3, 4) }),
    'carryState: learned: expected f32 [4], got f32 [3][4]',
  );
  wrong(
    () => carryState(graph, { ...state, reset: i32(4) }),
    'carryState: reset: expected i32 [3], got i32 [4]',
  );
  wrong(
    () => keepState(graph, f32(3, 4), outside('f32', 4, 3)),
    'keepState: x: expected f32 [4][3], got f32 [3][4]',
  );
  wrong(() => commitStep(graph, f32(4)), 'commitStep: state: expected i32 [4], got f32 [4]');
  wrong(
    () =>
      bnLstmPack(graph, {
        wx: f32(1, 2, 12),
        wh: f32(1, 3, 13),
        packed: outside('u8', 9),
        tokens: false,
      }),
    'bnLstmPack: wh: expected f32 [1][3][12], got f32 [1][3][13]',
  );
});

test('optimizers take flat arrays, and segments as one list', () => {
  const { stream, graph, f32, outside } = setUp();
  const state = outside('i32', 4);
  const [parameters, gradients] = [outside('f32', 10), outside('f32', 10)];
  const { norm, scale } = globalNorm(graph, {
    ...{ gradients, state },
    loss: f32(1),
    clipNorm: 1,
    sticky: true,
  });
  graph.output('norm', norm);
  const segments = [
    { begin: 0, count: 4, rateFactor: 1, weightDecay: 0.1 },
    { begin: 6, count: 2, rateFactor: 0.5, weightDecay: 0 },
  ];
  const shared = { parameters, gradients, scale, state, segments, learningRate: f32(1) };
  rmsprop(graph, { ...shared, meanSquare: outside('f32', 10), decay: 0.5, maxScaling: 1e5 });
  const [m, v] = [outside('f32', 10), outside('f32', 10)];
  adam(graph, { ...shared, m, v, beta1: 0.9, beta2: 0.999, eps: 1e-8 });
  sgd(graph, { ...shared, momentum: 0, nesterov: false });
  commitStep(graph, state);
  graph.compile();
  const { ops } = stream.programs[0];
  expect(ops.map(({ name }) => name)).toEqual([
    ...['globalNorm', 'rmsprop', 'adam', 'sgd', 'commitStep'],
  ]);
  expect(ops[3].operands.velocity).toBeUndefined();
  expect(ops[0].options).toEqual({ clipNorm: 1, sticky: true });
  expect(ops[1].options.segments).toEqual([0, 4, 1, 0.1, 6, 2, 0.5, 0]);
  expect(Object.keys(ops[2].operands).sort()).toEqual(
    ['gradients', 'learningRate', 'm', 'parameters', 'scale', 'state', 'v'].sort(),
  );
  wrong(
    () => adam(graph, { ...shared, m, v: outside('f32', 9), beta1: 0.9, beta2: 0.999, eps: 1e-8 }),
    'adam: v: expected f32 [10], got f32 [9]',
  );
  wrong(
    () => sgd(graph, { ...shared, velocity: outside('f32', 9), momentum: 0.9, nesterov: true }),
    'sgd: velocity: expected f32 [10], got f32 [9]',
  );
});

test('a window of batches: the first overwrites, the last divides in place', () => {
  const { stream, graph, f32, outside } = setUp();
  const [gradients, sum, totals] = [outside('f32', 10), outside('f32', 10), outside('f32', 2)];
  const batch = { gradients, loss: f32(1), counted: f32(1) };
  accumulateGradients(graph, batch, { sum, totals }, { first: true });
  graph.output('loss', averageGradients(graph, batch, { sum, totals }));
  graph.compile();
  const [gather, average] = stream.programs[0].ops;
  expect([gather.name, gather.options]).toEqual(['accumulateGradients', { first: true }]);
  expect(average.name).toBe('averageGradients');
  expect(average.operands.gradients).toEqual(gather.operands.gradients);
  wrong(
    () => averageGradients(graph, batch, { sum: outside('f32', 9), totals }),
    'averageGradients: sum: expected f32 [10], got f32 [9]',
  );
  wrong(
    () => accumulateGradients(graph, batch, { sum, totals: outside('f32', 1) }, { first: false }),
    'accumulateGradients: totals: expected f32 [2], got f32 [1]',
  );
});

test('the gradient of an input is left out where the op can do without', () => {
  const { stream, graph, f32 } = setUp();
  const w = graph.parameter(stream.parameter('w', [3, 4]));
  const joined = concat(graph, [f32(2, 1), linear(graph, f32(2, 3), w), f32(2, 1)]);
  graph.backward(meanSquaredError(graph, add(graph, joined, f32(2, 6)), f32(2, 6)).loss);
  graph.compile();
  const names = stream.programs[0].ops.map(({ name, operands }) => [name, Object.keys(operands)]);
  const operands = Object.fromEntries(names) as Record<string, string[]>;
  expect(operands.concatBackward).toEqual(['dy', 'dx1']);
  expect(operands.linearBackward).toEqual(['x', 'w', 'dy', 'dw']);
  // Of the two summands only one is copied to.
  expect(names.filter(([name]) => name === 'concat')).toHaveLength(2);
});

test('packedBytes asks the engine', () => {
  const { stream } = setUp();
  expect(packedBytes(stream, { directions: 2, inputs: 3, hidden: 4, tokens: true })).toBe(10);
  const [{ name, operands, options }] = stream.asked;
  expect(name).toBe('bnLstmPack');
  expect(operands.wx.shape).toEqual([2, 3, 16]);
  expect(operands.wh.shape).toEqual([2, 4, 16]);
  expect(options).toEqual({ tokens: true, dtype: 'f32' });
});

test('a seed splits into two unsigned words', () => {
  expect(seedOptions(0x1_0000_0002n)).toEqual({ seedLow: 2, seedHigh: 1 });
  expect(seedOptions(-1n)).toEqual({ seedLow: 0xffffffff, seedHigh: 0xffffffff });
  expect(seedOptions({ low: 5, high: 6 })).toEqual({ seedLow: 5, seedHigh: 6 });
});
