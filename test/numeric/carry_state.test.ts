// The state between chunks: which rows start, who gets a gradient, what a failed step leaves.
import { describe, expect, it } from 'vitest';
import { carryState } from '../../lib/ops/carry_state.js';
import { keepState } from '../../lib/ops/keep_state.js';
import { linear } from '../../lib/ops/linear.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import { Graph } from '../../lib/program/graph.js';
import { Philox } from '../../lib/random.js';
import * as heads from '../../lib/reference/heads.js';
import { withStream } from './check_case.js';
import { devices } from './devices.js';
import { normals, SmallGraph } from './small_graph.js';

const [B, W, C] = [5, 19, 3];
const reset = Int32Array.of(0, 1, 0, -1, 9);
const starts = (row: number) => reset[row] !== 0;
/** Rows that start read nothing of it. */
const carried = normals(77, B * W).map((value, k) => (starts(Math.floor(k / W)) ? NaN : value));
const select = (learned: ArrayLike<number>) =>
  Float64Array.from(carried, (value, k) => (starts(Math.floor(k / W)) ? learned[k % W] : value));

describe.each(devices)('%s', (device) => {
  it('carryState selects by row, and gradients reach the learned state from rows that start', () =>
    withStream(device, async (stream) => {
      const small = new SmallGraph(stream);
      const { graph } = small;
      const y = carryState(graph, {
        learned: small.parameter('learned', W),
        carried: small.f32('carried', [B, W], carried),
        reset: small.i32('reset', [B], reset),
      });
      const w = small.parameter('w', W, C);
      const target = normals(5, B * C);
      const targets = small.f32('target', [B, C], target);
      const { loss } = meanSquaredError(graph, linear(graph, y, w), targets);
      const zeros = new Float64Array(C);
      const errors = await small.errors(
        loss,
        (p) => heads.meanSquaredError(heads.linear(select(p.learned), p.w, zeros), target).loss,
      );
      expect(errors).toEqual({});
    }));

  it('carryState without a row that starts has no gradient', () =>
    withStream(device, async (stream) => {
      const small = new SmallGraph(stream);
      const { graph } = small;
      const rows = normals(3, B * W);
      const y = carryState(graph, {
        learned: small.parameter('learned', W),
        carried: small.f32('carried', [B, W], rows),
        reset: small.i32('reset', [B], new Int32Array(B)),
      });
      const target = normals(5, B * W);
      const { loss } = meanSquaredError(graph, y, small.f32('target', [B, W], target));
      const expected = () => heads.meanSquaredError(rows, target).loss;
      expect(await small.errors(loss, expected)).toEqual({});
    }));

  it('carryState adds noise to rows that start, as bnLstm does', () =>
    withStream(device, async (stream) => {
      const graph = new Graph(stream);
      graph.nextStream();
      const y = carryState(graph, {
        learned: graph.input('learned', 'f32', [W]),
        carried: graph.input('carried', 'f32', [B, W]),
        reset: graph.input('reset', 'i32', [B]),
        noise: { deviation: 0.5, seed: 11n, attempt: graph.input('attempt', 'i32', [1]) },
      });
      graph.output('y', y);
      const program = graph.compile();
      const learned = Float32Array.from(normals(4, W));
      const { y: actual } = await program.run({
        learned,
        reset,
        carried: Float32Array.from(carried),
        attempt: Int32Array.of(3),
      });
      const random = new Philox(11, 4, 3);
      const expected = select(learned).map((value, k) => {
        return starts(Math.floor(k / W)) ? value + 0.5 * random.normal(k) : value;
      });
      const error = Math.max(...expected.map((value, k) => Math.abs(value - actual[k])));
      expect(error).toBeLessThan(1e-6);
      program.dispose();
    }));

  it('keepState copies, but not while the step is not finite', () =>
    withStream(device, async (stream) => {
      const kept = { array: stream.array(4 * B * W), offset: 0 };
      const state = { array: stream.array(16), offset: 0 };
      const graph = new Graph(stream);
      const x = graph.input('x', 'f32', [B, W]);
      const into = graph.external('kept', kept, 'f32', [B, W]);
      keepState(graph, x, into, graph.external('state', state, 'i32', [4]));
      const program = graph.compile();
      const read = async () => {
        const values = new Float32Array(B * W);
        await stream.read(kept.array, 0, values);
        return values;
      };
      const [first, second] = [1, 2].map((seed) => Float32Array.from(normals(seed, B * W)));
      await program.run({ x: first });
      expect(await read()).toEqual(first);
      await stream.write(state.array, 0, Int32Array.of(0, 0, 1, 0));
      await program.run({ x: second });
      expect(await read()).toEqual(first);
      await stream.write(state.array, 0, Int32Array.of(0, 0, 0, 0));
      await program.run({ x: second });
      expect(await read()).toEqual(second);
      program.dispose();
    }));
});
