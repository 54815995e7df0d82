import { expect, test } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import { type BnLstmOperands, type BnLstmOptions, bnLstm } from '../../lib/ops/bn_lstm.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { lastStep } from '../../lib/ops/last_step.js';
import { mapStatistics, statisticsShapes } from '../../lib/ops/statistics.js';
import { updateStatistics } from '../../lib/ops/update_statistics.js';
import { Graph } from '../../lib/program/graph.js';
import type { Shape } from '../../lib/program/value.js';
import { FakeStream } from '../program/fake_stream.js';

const [T, B, D, H, R, V] = [7, 3, 2, 4, 2, 9];

const base: BnLstmOptions = {
  ...{ directions: R, hidden: H, norm: 'batch', eps: 1e-5, seed: 1n },
  ...{ inputStatistics: 'step', lengthStatistics: 'valid', initialState: 'learned' },
  ...{ noise: 0, zoneoutC: 0, zoneoutH: 0, zoneout: 'sample' },
};

function setUp(tokens = false) {
  const stream = new FakeStream();
  const graph = new Graph(stream);
  const parameter = (name: string, ...shape: Shape) =>
    graph.parameter(stream.parameter(name, [R, ...shape]));
  const operands: BnLstmOperands = {
    ...(tokens
      ? { tokens: graph.input('tokens', 'i32', [T, B]) }
      : { x: graph.input('x', 'f32', [T, B, D]) }),
    packed: graph.external('packed', stream.place(64), 'u8', [64]),
    wx: parameter('wx', tokens ? V : D, 4 * H),
    wh: parameter('wh', H, 4 * H),
    b: parameter('b', 4 * H),
    gammaX: parameter('gammaX', 4 * H),
    gammaH: parameter('gammaH', 4 * H),
    gammaC: parameter('gammaC', H),
    betaC: parameter('betaC', H),
    h0: graph.parameter(stream.parameter('h0', [R * H])),
    c0: graph.parameter(stream.parameter('c0', [R * H])),
  };
  const tables = (steps: number) => {
    const shapes = statisticsShapes(R, steps, H, 'step');
    return mapStatistics((name) => graph.external(name, stream.place(4096), 'f32', shapes[name]));
  };
  const compiled = () => {
    graph.compile();
    return stream.programs[0].ops;
  };
  return { graph, operands, tables, compiled };
}

const statistics = [
  ...['recurrentMean', 'recurrentVar', 'inputMean', 'inputVar'],
  ...['cellMean', 'cellVar'],
];
const weights = ['packed', 'wx', 'wh', 'b', 'gammaX', 'gammaH', 'gammaC', 'betaC', 'h0', 'c0'];

test('inference carries neither saved nor outputs that nobody reads', () => {
  const { graph, operands, tables, compiled } = setUp();
  const { hT, statistics: none } = bnLstm(graph, { ...operands, population: tables(5) }, base);
  expect(none).toBeUndefined();
  graph.output('h', hT);
  const [op] = compiled();
  expect(Object.keys(op.operands).sort()).toEqual(
    ['x', ...weights, ...statistics, 'hT', 'scratch'].sort(),
  );
  expect(op.options).toMatchObject({ statistics: 'population', norm: 'batch', hidden: H });
  expect(op.options).not.toHaveProperty('seed');
});

test('training saves what backward reads, and the gradient of an input is not computed', () => {
  const { graph, operands, compiled } = setUp();
  const { y } = bnLstm(graph, operands, base);
  const logits = lastStep(graph, y);
  graph.backward(crossEntropy(graph, logits, graph.input('targets', 'i32', [B])).loss);
  const ops = compiled();
  expect(Object.keys(ops[0].operands).sort()).toEqual(
    ['x', ...weights, ...statistics, 'y', 'saved', 'scratch'].sort(),
  );
  const backward = ops.find(({ name }) => name === 'bnLstmBackward');
  const gradients = ['dwx', 'dwh', 'db', 'dgammaX', 'dgammaH', 'dgammaC', 'dbetaC', 'dh0', 'dc0'];
  expect(Object.keys(backward?.operands ?? {}).sort()).toEqual(
    ['x', ...weights, ...statistics, 'saved', 'dy', ...gradients, 'scratch'].sort(),
  );
  expect(backward?.options).toEqual(ops[0].options);
  expect(backward?.operands.saved.location).toEqual(ops[0].operands.saved.location);
  for (const name of gradients) expect(backward?.operands[name].location).toHaveProperty('array');
});

test('the gradient of a stacked layer reaches the layer below', () => {
  const { graph, operands, compiled } = setUp();
  const below = bnLstm(graph, operands, base);
  const wx = graph.parameter(new FakeStream().parameter('wx2', [R, R * H, 4 * H]));
  const { hT } = bnLstm(graph, { ...operands, x: below.y, wx }, base);
  graph.backward(crossEntropy(graph, hT, graph.input('targets', 'i32', [B])).loss);
  const ops = compiled();
  const backward = ops.filter(({ name }) => name === 'bnLstmBackward');
  expect(backward.map(({ operands }) => 'dx' in operands)).toEqual([true, false]);
  expect(
    backward.map(({ operands }) => ['dy', 'dhT', 'dcT'].filter((name) => name in operands)),
  ).toEqual([['dhT'], ['dy']]);
  // Both layers share all but wx: the second contribution to each is added.
  expect(ops.filter(({ name }) => name === 'add')).toHaveLength(8);
});

test('cAll and the statistics carry no gradient', () => {
  const { graph, operands } = setUp();
  const { y, hT, cT, cAll, statistics } = bnLstm(graph, operands, base);
  expect([y, hT, cT].every((value) => value.requiresGradient)).toBe(true);
  expect(cAll.requiresGradient || statistics?.cellMean.requiresGradient).toBe(false);
});

test('tokens gather rows of wx', () => {
  const { graph, operands, compiled } = setUp(true);
  graph.output('y', bnLstm(graph, operands, base).y);
  const [op] = compiled();
  expect(op.options.vocabulary).toBe(V);
  expect(op.operands).not.toHaveProperty('x');
});

test('the attempted step is read, and streams are taken, where something is random', () => {
  const stream = (change: Partial<BnLstmOptions>) => {
    const { graph, operands, compiled } = setUp();
    graph.nextStream();
    const attempt = graph.input('attempt', 'i32', [1]);
    graph.output('y', bnLstm(graph, { ...operands, attempt }, { ...base, ...change }).y);
    const [op] = compiled();
    return ['attempt' in op.operands, op.options.stream, graph.nextStream()];
  };
  expect(stream({})).toEqual([false, 0, 4]);
  expect(stream({ noise: 0.1 })).toEqual([true, 4, 8]);
  expect(stream({ zoneoutH: 0.1 })).toEqual([true, 4, 8]);
  expect(stream({ zoneoutC: 0.1, zoneout: 'expect' })).toEqual([false, 0, 4]);
});

test('the plain LSTM has no statistics', () => {
  const { graph, operands, compiled } = setUp();
  const { wx, wh, b, betaC, h0, c0, x, packed } = operands;
  const plain = { x, packed, wx, wh, b, betaC, h0, c0 };
  const { hT, statistics } = bnLstm(graph, plain, { ...base, norm: 'none' });
  expect(statistics).toBeUndefined();
  graph.output('h', hT);
  const names = ['x', 'packed', 'wx', 'wh', 'b', 'betaC', 'h0', 'c0', 'hT', 'scratch'];
  expect(Object.keys(compiled()[0].operands).sort()).toEqual(names.sort());
});

test('mistakes name the operand', () => {
  const { graph, operands, tables } = setUp();
  const wrong = (change: Partial<BnLstmOperands>, message: string, options = base) => {
    const run = () => bnLstm(graph, { ...operands, ...change }, options);
    expect(run).toThrow(BnLstmError);
    expect(run).toThrow(message);
  };
  const state = graph.input('state', 'f32', [B, R * H]);
  const lengths = graph.input('lengths', 'i32', [B + 1]);
  wrong({ x: undefined }, 'bnLstm: x, tokens: expected one of them, got none');
  wrong({ x: state }, 'bnLstm: x: expected f32 [T][B][D], got f32 [3][8]');
  wrong({ gammaC: undefined }, 'bnLstm: gammaC: expected a value, got nothing');
  wrong({ wh: operands.wx }, 'bnLstm: wh: expected f32 [2][4][16], got f32 [2][2][16]');
  wrong({ h0: state }, 'bnLstm: h0: expected f32 [8], got f32 [3][8]');
  wrong({ lengths }, 'bnLstm: lengths: expected i32 [3], got i32 [4]');
  wrong({}, 'bnLstm: attempt: expected i32 [1], got nothing', { ...base, noise: 0.1 });
  const population = { ...tables(5), cellVar: tables(6).cellVar };
  wrong({ population }, 'bnLstm: cellVar: expected f32 [2][5][4], got f32 [2][6][4]');
});

test('updateStatistics folds a batch into tables in place', () => {
  const { graph, operands, tables, compiled } = setUp();
  const { statistics: batch } = bnLstm(graph, operands, base);
  if (batch === undefined) throw new Error('no statistics');
  const outside = (...shape: Shape) =>
    graph.external('counts', new FakeStream().place(4096), 'i32', shape);
  const shared = { statistics: batch, tables: tables(10), inputStatistics: 'step' } as const;
  updateStatistics(graph, { ...shared, update: { mode: 'average', counts: outside(10) } });
  const lengths = graph.input('lengths', 'i32', [B]);
  const firstStep = graph.input('firstStep', 'i32', [1]);
  const pooled = { mode: 'pooled', counts: outside(10, 2), lengths, batch: B } as const;
  updateStatistics(graph, { ...shared, firstStep, update: pooled });
  updateStatistics(graph, { ...shared, update: { mode: 'decay', decay: 0.9, state: outside(4) } });
  const [forward, ...updates] = compiled();
  expect(forward.name).toBe('bnLstm');
  const tableNames = statistics.map((name) => `table${name[0].toUpperCase()}${name.slice(1)}`);
  const extra = [['counts'], ['counts', 'firstStep', 'lengths'], ['state']];
  expect(updates.map(({ operands }) => Object.keys(operands).sort())).toEqual(
    extra.map((names) => [...statistics, ...tableNames, ...names].sort()),
  );
  expect(updates.map(({ options }) => options)).toEqual([
    { mode: 'average', inputStatistics: 'step' },
    { mode: 'pooled', inputStatistics: 'step', batch: B },
    { mode: 'decay', inputStatistics: 'step', decay: 0.9 },
  ]);
  const sequence = () =>
    updateStatistics(graph, { ...shared, inputStatistics: 'sequence', update: pooled });
  expect(sequence).toThrow(
    'updateStatistics: inputMean: expected f32 [2][1][16], got f32 [2][7][16]',
  );
});
