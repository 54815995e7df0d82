import { expect, test } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import { Graph } from '../../lib/program/graph.js';
import type { Value } from '../../lib/program/value.js';
import { FakeStream } from './fake_stream.js';

function setUp() {
  const stream = new FakeStream();
  const graph = new Graph(stream);
  /** Records an op that reads `inputs` and writes one value, which it returns. */
  const op = (name: string, ...inputs: Value[]): Value => {
    const y = graph.value('f32', [4], name);
    const operands = Object.fromEntries(inputs.map((value, k) => [`x${k}`, value]));
    graph.record({ name, inputs: operands, outputs: { y } });
    return y;
  };
  const names = () => {
    graph.compile();
    return stream.programs[0].ops.map(({ name }) => name);
  };
  return { stream, graph, op, names };
}

const internal = (run: () => unknown, message: RegExp) => {
  expect(run).toThrow(BnLstmError);
  expect(run).toThrow(message);
};

test('an input of the same name is the same value, and its type must agree', () => {
  const { graph } = setUp();
  const x = graph.input('x', 'f32', [2, 3]);
  expect(graph.input('x', 'f32', [2, 3])).toBe(x);
  internal(() => graph.input('x', 'f32', [3, 2]), /input 'x' was f32 \[2\]\[3\]/);
  internal(() => graph.input('x', 'i32', [2, 3]), /input 'x'/);
  internal(() => graph.input('x', 'f32', [2, 3], { batchMajor: true }), /input 'x'/);
});

test('padding is zeroed by an input with lengths, which native code knows by its index', () => {
  const { graph, stream, op } = setUp();
  graph.input('other', 'f32', [1]);
  const lengths = graph.input('lengths', 'i32', [3]);
  const x = graph.input('x', 'f32', [2, 3, 1], { batchMajor: true, zeroPaddingBy: lengths });
  graph.output('y', op('f', x), { batchMajor: true });
  graph.compile();
  const [program] = stream.programs;
  expect(program.inputs.map(({ lengths }) => lengths)).toEqual([undefined, undefined, 1]);
  expect(program.inputs.map(({ batchMajor }) => batchMajor)).toEqual([false, false, true]);
  expect(program.outputs[0].batchMajor).toBe(true);
  internal(
    () => graph.input('z', 'f32', [2, 3], { zeroPaddingBy: op('g', x) }),
    /lengths of input 'z'/,
  );
});

test('the host has f32 for the bf16 of the device', async () => {
  const { graph, stream, op } = setUp();
  const x = graph.input('x', 'bf16', [2, 3]);
  const ids = graph.input('ids', 'i32', [2]);
  graph.output('y', op('f', x, ids));
  graph.output('x', x);
  const program = graph.compile();
  const [{ inputs, outputs }] = stream.programs;
  const types = (transfers: typeof outputs) =>
    transfers.map(({ dtype, hostDtype }) => [dtype, hostDtype]);
  expect(types(inputs)).toEqual([
    ['bf16', 'f32'],
    ['i32', 'i32'],
  ]);
  expect(types(outputs)).toEqual([
    ['f32', 'f32'],
    ['bf16', 'f32'],
  ]);
  const result = await program.run({ x: new Float32Array(6), ids: new Int32Array(2) });
  expect(result.x).toBeInstanceOf(Float32Array);
});

test('a parameter is one value however often it is used', () => {
  const { graph, stream } = setUp();
  const trained = stream.parameter('w', [4]);
  const frozen = stream.parameter('v', [4], false);
  expect(graph.parameter(trained)).toBe(graph.parameter(trained));
  expect(graph.parameter(trained).requiresGradient).toBe(true);
  expect(graph.parameter(frozen).requiresGradient).toBe(false);
});

test('reading what nothing has written is a fault, and so is writing an input', () => {
  const { graph, op } = setUp();
  const never = graph.value('f32', [4], 'never');
  internal(() => op('f', never), /f reads 'x0' \(never\)/);
  internal(() => graph.output('y', never), /output 'y'/);
  const x = graph.input('x', 'f32', [4]);
  internal(() => graph.record({ name: 'f', inputs: {}, outputs: { x } }), /f writes the input 'x'/);
  graph.output('y', op('f', x));
  internal(() => graph.output('y', op('f', x)), /two outputs are named 'y'/);
});

test('random ops get four streams each', () => {
  const { graph } = setUp();
  expect([graph.nextStream(), graph.nextStream(), graph.nextStream()]).toEqual([0, 4, 8]);
});

test('ops that lead to nothing are pruned, with all that only they needed', () => {
  const { graph, op, names } = setUp();
  const x = graph.input('x', 'f32', [4]);
  const useful = op('useful', x);
  op('dead', op('leads to dead', useful));
  graph.output('y', op('result', useful));
  expect(names()).toEqual(['useful', 'result']);
});

test('writing memory outside is never pruned, and stays in order', () => {
  const { graph, stream, op, names } = setUp();
  const table = graph.external('table', stream.place(64), 'f32', [4]);
  const x = graph.input('x', 'f32', [4]);
  const before = op('reads before', table);
  graph.record({ name: 'writes', inputs: { x: op('feeds', x) }, outputs: { table } });
  graph.output('y', op('reads after', before, table));
  expect(names()).toEqual(['reads before', 'feeds', 'writes', 'reads after']);
});

test('optional outputs that nobody reads are gone before the engine is asked for sizes', () => {
  const record = (results: readonly string[]) => {
    const { graph, stream, op } = setUp();
    const x = graph.input('x', 'f32', [4]);
    const outputs = {
      y: graph.value('f32', [4], 'y'),
      last: graph.value('f32', [4], 'last'),
      required: graph.value('f32', [4], 'required'),
      saved: graph.blob('saved'),
      scratch: graph.blob('scratch'),
    };
    graph.record({ name: 'f', inputs: { x }, outputs, optional: ['y', 'last', 'saved'] });
    if (results.includes('saved')) graph.output('g', op('g', outputs.saved));
    if (results.includes('last')) graph.output('last', outputs.last);
    graph.compile();
    expect(stream.asked).toHaveLength(1);
    const asked = stream.asked[0].operands;
    const run = stream.programs[0].ops[0].operands;
    expect(Object.keys(asked)).toEqual(Object.keys(run));
    expect(Object.values(asked).every(({ location }) => location === undefined)).toBe(true);
    return run;
  };
  const inference = record(['last']);
  expect(Object.keys(inference)).toEqual(['x', 'last', 'required', 'scratch']);
  expect(inference.scratch.shape).toEqual([100]);
  const training = record(['saved']);
  expect(Object.keys(training)).toEqual(['x', 'required', 'saved', 'scratch']);
  expect(training.saved.shape).toEqual([1000]);
});
