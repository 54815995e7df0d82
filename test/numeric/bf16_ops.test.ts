// Ops on bf16 activations on every device: each rounds once, and gradients have the type of what
// they are the gradient of. bnLstm, linear and cast are in bf16.test.ts.
import { describe, expect, it } from 'vitest';
import { add } from '../../lib/ops/add.js';
import { concat } from '../../lib/ops/concat.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { dropout } from '../../lib/ops/dropout.js';
import { embedding } from '../../lib/ops/embedding.js';
import { lastStep } from '../../lib/ops/last_step.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import type { Graph } from '../../lib/program/graph.js';
import type { Shape, Value } from '../../lib/program/value.js';
import { Philox } from '../../lib/random.js';
import * as heads from '../../lib/reference/heads.js';
import { toBf16 } from '../../lib/reference/rounding.js';
import { withStream } from './check_case.js';
import { devices } from './devices.js';
import { normals, SmallGraph } from './small_graph.js';

const [T, B, D] = [5, 3, 4];
/** Half a unit in the last place, twice: of the op's result and of its gradient. */
const bf16 = 2 ** -8;
const rounded = (values: ArrayLike<number>) => Float32Array.from(values, toBf16);

describe.each(devices)('%s', (device) => {
  const inGraph = (body: (small: SmallGraph) => Promise<void>) => () =>
    withStream(device, (stream) => body(new SmallGraph(stream)));

  /** What an op makes of bf16 inputs of these shapes, and the numbers that it got. */
  const run = (shapes: readonly Shape[], op: (graph: Graph, ...inputs: Value[]) => Value) =>
    withStream(device, async (stream) => {
      const { graph } = new SmallGraph(stream);
      const given: Record<string, Float32Array> = {};
      const inputs = shapes.map((shape, index) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        given[index] = Float32Array.from(normals(index + 1, size));
        return graph.input(`${index}`, 'bf16', shape);
      });
      const y = op(graph, ...inputs);
      expect(y.dtype).toBe('bf16');
      graph.output('y', y);
      const program = graph.compile();
      const result = await program.run(given);
      program.dispose();
      return { y: result.y, given: Object.values(given).map(rounded) };
    });

  it.each([3, 5000])('add rounds its sum once, %i numbers', async (size) => {
    const { y, given } = await run([[size], [size]], add);
    expect(y).toEqual(rounded(given[0].map((value, k) => value + given[1][k])));
  });

  it('concat and lastStep move bits', async () => {
    const joined = await run(
      [
        [2, 1],
        [2, 3],
      ],
      (graph, a, b) => concat(graph, [a, b]),
    );
    const [a, b] = joined.given;
    expect(joined.y).toEqual(Float32Array.of(a[0], ...b.subarray(0, 3), a[1], ...b.subarray(3)));
    const last = await run([[T, B, D]], (graph, x) => lastStep(graph, x));
    expect(last.y).toEqual(last.given[0].subarray(-B * D));
  });

  it.each([7, 5000])('dropout has the masks of f32, %i numbers', async (size) => {
    const seed = { low: 12, high: 34 };
    const rate = 0.25;
    const y = await withStream(device, async (stream) => {
      const small = new SmallGraph(stream);
      const { graph } = small;
      const ones = new Float32Array(size).fill(1.5);
      const attempt = small.i32('attempt', [1], [3]);
      const x = graph.input('x', 'bf16', [size]);
      graph.output('y', dropout(graph, x, { rate, seed, attempt }));
      const program = graph.compile();
      const result = await program.run({ ...small.inputs, x: ones });
      program.dispose();
      return result.y;
    });
    const philox = new Philox(seed, 0, 3);
    expect(y).toEqual(y.map((_, k) => (philox.uniform(k) >= rate ? toBf16(1.5 / 0.75) : 0)));
  });

  it(
    'embedding rounds its rows, and adds up its gradient in f32',
    inGraph(async (small) => {
      const tokens = Int32Array.from({ length: 600 }, (_, k) => (k * k) % 3);
      const table = small.parameter('table', 3, D);
      const y = embedding(small.graph, small.i32('tokens', [200, 3], tokens), table, 'bf16');
      const target = small.f32('target', [200, 3, D], new Float64Array(600 * D));
      const { loss } = meanSquaredError(small.graph, y, target);
      const squares = ({ table }: Record<string, Float64Array>) =>
        tokens.reduce((sum, token) => {
          const row = table.subarray(token * D, (token + 1) * D);
          return sum + row.reduce((part, value) => part + value * value, 0);
        }, 0) /
        (600 * D);
      expect(await small.errors(loss, squares, { loss: bf16, gradient: bf16 })).toEqual({});
    }),
  );

  it(
    'crossEntropy of bf16 logits: a loss in full precision, a gradient rounded once',
    inGraph(async (small) => {
      const C = 11;
      const targets = Int32Array.from({ length: T * B }, (_, k) => (k * 7) % C);
      const lengths = Int32Array.of(5, 2, 3);
      const counts = targets.map((_, row) => (Math.floor(row / B) < lengths[row % B] ? 1 : 0));
      const logits = small.bf16Parameter('logits', T, B, C);
      const { loss } = crossEntropy(small.graph, logits, small.i32('targets', [T, B], targets), {
        lengths: small.i32('lengths', [B], lengths),
      });
      const reference = ({ logits }: Record<string, Float64Array>) =>
        heads.softmaxCrossEntropy(logits, targets, counts).loss;
      expect(await small.errors(loss, reference, { gradient: bf16 })).toEqual({});
    }),
  );

  it(
    'meanSquaredError of bf16 predictions and f32 targets, with a mask',
    inGraph(async (small) => {
      const mask = Float64Array.from({ length: T * B }, (_, k) => (k % 4 === 1 ? 0 : 1));
      const wanted = normals(9, T * B * D);
      const prediction = small.bf16Parameter('prediction', T, B, D);
      const { loss } = meanSquaredError(
        small.graph,
        prediction,
        small.f32('target', [T, B, D], wanted),
        { mask: small.f32('mask', [T, B], mask) },
      );
      const reference = ({ prediction }: Record<string, Float64Array>) =>
        heads.meanSquaredError(prediction, wanted, mask).loss;
      expect(await small.errors(loss, reference, { gradient: bf16 })).toEqual({});
    }),
  );

  it(
    'gradients of what is used more than once are added up in bf16',
    inGraph(async (small) => {
      const { graph } = small;
      const x = small.bf16Parameter('x', T, B, D);
      const last = lastStep(graph, x, small.i32('lengths', [B], [5, 2, 3]));
      const y = concat(graph, [last, add(graph, last, last), last]);
      const wanted = normals(9, B * 3 * D);
      const { loss } = meanSquaredError(graph, y, small.f32('target', [B, 3 * D], wanted));
      const reference = ({ x }: Record<string, Float64Array>) => {
        const rows = Array.from({ length: B }, (_, n) => {
          const from = (([5, 2, 3][n] - 1) * B + n) * D;
          const row = [...x.subarray(from, from + D)];
          return [...row, ...row.map((value) => 2 * value), ...row];
        });
        return heads.meanSquaredError(Float64Array.from(rows.flat()), wanted).loss;
      };
      expect(await small.errors(loss, reference, { gradient: 3 * bf16 })).toEqual({});
    }),
  );
});
