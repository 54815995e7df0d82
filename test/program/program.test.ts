import { expect, test } from 'vitest';
import { add } from '../../lib/ops/add.js';
import { linear } from '../../lib/ops/linear.js';
import { ProgramCache } from '../../lib/program/cache.js';
import { Graph } from '../../lib/program/graph.js';
import { FakeStream } from './fake_stream.js';

function setUp() {
  const stream = new FakeStream();
  const graph = new Graph(stream);
  const x = graph.input('x', 'f32', [5, 2, 3], { batchMajor: true });
  const ids = graph.input('ids', 'i32', [2]);
  const w = graph.parameter(stream.parameter('head.w', [3, 400]));
  graph.output('y', linear(graph, x, w), { batchMajor: true });
  graph.output('ids', ids);
  return { stream, program: graph.compile() };
}

const inputs = () => ({ x: new Float32Array(30), ids: new Int32Array(2) });

test('a run submits the inputs once and returns arrays of its own by name', async () => {
  const { stream, program } = setUp();
  const given = inputs();
  const first = await program.run(given);
  const second = await program.run(given);
  expect(stream.submitted).toEqual([
    [given.x, given.ids],
    [given.x, given.ids],
  ]);
  expect(first.y).toEqual(new Float32Array(4000).fill(1));
  expect(second.y).toEqual(new Float32Array(4000).fill(2));
  expect(first.ids).toBeInstanceOf(Int32Array);
});

test('a profile sums the times of ops by name, the longest first', async () => {
  const stream = new FakeStream(); // the op at index i takes i + 1 ms
  const graph = new Graph(stream);
  const x = graph.input('x', 'f32', [2, 3]);
  const a = linear(graph, x, graph.parameter(stream.parameter('a', [3, 3])));
  const b = add(graph, a, x);
  const c = linear(graph, b, graph.parameter(stream.parameter('c', [3, 3])));
  graph.output('c', add(graph, c, b));
  const { outputs, profile } = await graph.compile().profile({ x: new Float32Array(6) });
  expect(outputs).toEqual({ c: new Float32Array(6).fill(1) });
  expect(profile).toEqual({
    ms: 10,
    ops: [
      { name: 'add', calls: 2, ms: 6, share: 0.6 },
      { name: 'linear', calls: 2, ms: 4, share: 0.4 },
    ],
  });
});

test('times of runs come as the stream gives them', async () => {
  const { program } = setUp();
  const { x, ids } = inputs();
  expect(await program.time({ x, ids }, 3)).toEqual(Float32Array.of(1, 2, 3));
  await expect(program.time({ x }, 1)).rejects.toThrow(/input 'ids' must be i32/);
});

test('wrong inputs are faults, named', async () => {
  const { program } = setUp();
  const { x, ids } = inputs();
  const rejects = (given: Parameters<typeof program.run>[0], message: RegExp) =>
    expect(program.run(given)).rejects.toThrow(message);
  await rejects({ x }, /input 'ids' must be i32 \[2\], not nothing/);
  await rejects({ x, ids, z: ids }, /no input 'z'/);
  await rejects({ x, ids: x }, /input 'ids' must be i32 \[2\], not Float32Array of 30/);
  await rejects({ x: x.subarray(1), ids }, /input 'x' must be f32 \[5\]\[2\]\[3\], not .* of 29/);
  await expect(program.run({ x })).rejects.toMatchObject({ code: 'ERR_BNLSTM_INTERNAL' });
});

test('describe prints ops, operands and bytes', () => {
  const { program } = setUp();
  expect(`\n${program.describe()}\n`).toBe(`
program on fake, 1 op

inputs
  < x            f32 [5][2][3]       120 B  arena+16000, batch-major outside
  < ids          i32 [2]               8 B  arena+16128

0 linear
  < x            f32 [5][2][3]       120 B  arena+16000
  < w    head.w  f32 [3][400]      4 800 B  outside
  > y    linear  f32 [5][2][400]  16 000 B  arena+0

outputs
  > y            f32 [5][2][400]  16 000 B  arena+0, batch-major outside
  > ids          i32 [2]               8 B  arena+16128

arena      16 192 B (16 192 B without reuse)
outside    8 192 B in the arrays that it refers to
each run   128 B in, 16 008 B out
`);
});

test('a cache keeps the programs used last and disposes the others', () => {
  const stream = new FakeStream();
  const cache = new ProgramCache(2);
  const get = (key: string) => cache.get(key, () => new Graph(stream).compile());
  const [a, b] = [get('a'), get('b')];
  expect(get('a')).toBe(a);
  get('c');
  expect(stream.disposed).toBe(1);
  expect(get('a')).toBe(a);
  expect(get('b')).not.toBe(b);
  expect(stream.disposed).toBe(2);
  cache.clear();
  expect(stream.disposed).toBe(4);
  expect(get('a')).not.toBe(a);
});
