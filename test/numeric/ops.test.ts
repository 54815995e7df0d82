// Every op but bnLstm on every device: gradients against central differences in doubles.
import { describe, expect, it } from 'vitest';
import { add } from '../../lib/ops/add.js';
import { concat } from '../../lib/ops/concat.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { dropout } from '../../lib/ops/dropout.js';
import { embedding } from '../../lib/ops/embedding.js';
import { fill } from '../../lib/ops/fill.js';
import { lastStep } from '../../lib/ops/last_step.js';
import { linear } from '../../lib/ops/linear.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import { Philox } from '../../lib/random.js';
import * as heads from '../../lib/reference/heads.js';
import { withStream } from './check_case.js';
import { devices } from './devices.js';
import { normals, SmallGraph } from './small_graph.js';

const [T, B, D, C] = [5, 3, 4, 6];
const targets = Int32Array.from({ length: T * B }, (_, k) => (k * 7) % C);
const someRows = Float64Array.from({ length: T * B }, (_, k) => (k % 4 === 1 ? 0 : 1));
const lengths = Int32Array.of(5, 2, 3);
/** Mask and lengths together, by time-major row. */
const counting = (mask?: Float64Array, ends?: Int32Array) =>
  Float64Array.from({ length: T * B }, (_, row) =>
    (mask?.[row] ?? 1) !== 0 && Math.floor(row / B) < (ends?.[row % B] ?? T) ? 1 : 0,
  );
const mse = (prediction: Float64Array, target: Float64Array, mask?: Float64Array) =>
  heads.meanSquaredError(prediction, target, mask).loss;

/** Rows [width] of a table, one after another. */
const rows = (table: Float64Array, width: number, which: ArrayLike<number>) =>
  Float64Array.from({ length: which.length * width }, (_, k) => {
    return table[which[Math.floor(k / width)] * width + (k % width)];
  });
/** Arrays of the given widths joined along the last axis. */
const join = (parts: readonly (readonly [Float64Array, number])[], count: number) =>
  Float64Array.from(
    Array.from({ length: count }, (_, row) =>
      parts.flatMap(([part, width]) => [...part.subarray(row * width, (row + 1) * width)]),
    ).flat(),
  );

describe.each(devices)('%s', (device) => {
  const inGraph = (body: (small: SmallGraph) => Promise<void>) => () =>
    withStream(device, (stream) => body(new SmallGraph(stream)));

  it.each([true, false])(
    'linear into crossEntropy, bias %s',
    async (bias) =>
      await inGraph(async (small) => {
        const { graph } = small;
        const x = small.parameter('x', T, B, D);
        const w = small.parameter('w', D, C);
        const b = bias ? small.parameter('b', C) : undefined;
        const { loss } = crossEntropy(
          graph,
          linear(graph, x, w, b),
          small.i32('targets', [T, B], targets),
        );
        const zeros = new Float64Array(C);
        const reference = (p: Record<string, Float64Array>) =>
          heads.softmaxCrossEntropy(heads.linear(p.x, p.w, p.b ?? zeros), targets).loss;
        expect(await small.errors(loss, reference)).toEqual({});
      })(),
  );

  it.each([
    ['mask', someRows, undefined],
    ['lengths', undefined, lengths],
    ['mask and lengths', someRows, lengths],
    ['no row left', new Float64Array(T * B), undefined],
  ])('losses with %s', async (_, mask, ends) => {
    const counts = counting(mask, ends);
    const count = counts.reduce((sum, one) => sum + one, 0);
    const conditions = (small: SmallGraph) => ({
      mask: mask && small.f32('mask', [T, B], mask),
      lengths: ends && small.i32('lengths', [B], ends),
    });
    await inGraph(async (small) => {
      const logits = small.parameter('logits', T, B, C);
      // Out of range where nothing counts: these must not be looked at.
      const given = targets.map((target, row) => (counts[row] ? target : 1_000_000));
      const labels = small.i32('targets', [T, B], given);
      const result = crossEntropy(small.graph, logits, labels, conditions(small));
      small.graph.output('counted', result.counted);
      const reference = ({ logits }: Record<string, Float64Array>) =>
        heads.softmaxCrossEntropy(logits, targets, counts).loss;
      expect(await small.errors(result.loss, reference)).toEqual({});
    })();
    await inGraph(async (small) => {
      const prediction = small.parameter('prediction', T, B, C);
      const wanted = normals(9, T * B * C);
      const target = small.f32('target', [T, B, C], wanted);
      const result = meanSquaredError(small.graph, prediction, target, conditions(small));
      const reference = ({ prediction }: Record<string, Float64Array>) =>
        mse(prediction, wanted, counts);
      expect(await small.errors(result.loss, reference)).toEqual({});
      const { graph } = small;
      graph.output('counted', result.counted);
      expect((await graph.compile().run(small.inputs)).counted[0]).toBe(count);
    })();
  });

  it(
    'crossEntropy counts what is right: the first of equal logits, never a NaN',
    inGraph(async (small) => {
      const { graph } = small;
      const logits = [...[1, 3, 2], ...[3, 3, 1], ...[3, 3, 1], ...[0, Number.NaN, 0]];
      const { correct, counted } = crossEntropy(
        graph,
        small.f32('logits', [4, 3], logits),
        small.i32('targets', [4], [1, 0, 1, 1]),
      );
      graph.output('correct', correct);
      graph.output('counted', counted);
      const result = await graph.compile().run(small.inputs);
      expect([result.correct[0], result.counted[0]]).toEqual([2, 4]);
    }),
  );

  it(
    'embedding, a token that occurs often and one that never does',
    inGraph(async (small) => {
      const tokens = Int32Array.of(0, 3, 3, 1, 3, 0);
      const table = small.parameter('table', 5, D);
      const wanted = normals(9, 6 * D);
      const y = embedding(small.graph, small.i32('tokens', [2, 3], tokens), table);
      const { loss } = meanSquaredError(small.graph, y, small.f32('target', [2, 3, D], wanted));
      expect(await small.errors(loss, (p) => mse(rows(p.table, D, tokens), wanted))).toEqual({});
    }),
  );

  it(
    'concat: a part twice, and a part without gradient between',
    inGraph(async (small) => {
      const data = normals(8, T * B * 2);
      const [a, b] = [small.parameter('a', T, B, 1), small.parameter('b', T, B, 3)];
      const y = concat(small.graph, [a, small.f32('x', [T, B, 2], data), b, a]);
      const wanted = normals(9, T * B * 7);
      const { loss } = meanSquaredError(small.graph, y, small.f32('target', [T, B, 7], wanted));
      const reference = ({ a, b }: Record<string, Float64Array>) => {
        const parts = [[a, 1] as const, [data, 2] as const, [b, 3] as const, [a, 1] as const];
        return mse(join(parts, T * B), wanted);
      };
      expect(await small.errors(loss, reference)).toEqual({});
    }),
  );

  it.each([undefined, lengths])('lastStep with lengths %s', (ends) =>
    inGraph(async (small) => {
      const x = small.parameter('x', T, B, D);
      const y = lastStep(small.graph, x, ends && small.i32('lengths', [B], ends));
      const wanted = normals(9, B * D);
      const { loss } = meanSquaredError(small.graph, y, small.f32('target', [B, D], wanted));
      const last = Int32Array.from({ length: B }, (_, n) => ((ends?.[n] ?? T) - 1) * B + n);
      expect(await small.errors(loss, ({ x }) => mse(rows(x, D, last), wanted))).toEqual({});
    })(),
  );

  it.each([0, 7])('dropout at attempt %i: the masks of its seed, backwards too', (attempt) =>
    inGraph(async (small) => {
      const x = small.parameter('x', T, B, D);
      const seed = { low: 12, high: 34 };
      const step = small.i32('attempt', [1], [attempt]);
      small.graph.nextStream();
      const y = dropout(small.graph, x, { rate: 0.25, seed, attempt: step });
      const wanted = normals(9, T * B * D);
      const { loss } = meanSquaredError(small.graph, y, small.f32('target', [T, B, D], wanted));
      const philox = new Philox(seed, 4, attempt);
      const reference = ({ x }: Record<string, Float64Array>) =>
        mse(
          x.map((value, k) => (philox.uniform(k) >= 0.25 ? value / 0.75 : 0)),
          wanted,
        );
      expect(await small.errors(loss, reference)).toEqual({});
    })(),
  );

  it(
    'gradients of what is used more than once are added up',
    inGraph(async (small) => {
      const { graph } = small;
      const w = small.parameter('w', D, D);
      const b = small.parameter('b', D);
      const data = normals(8, B * D);
      // Tied weights, a residual connection, and a value added to itself.
      const h = linear(graph, small.f32('x', [B, D], data), w, b);
      const y = add(graph, linear(graph, h, w, b), h);
      const wanted = normals(9, B * D);
      const target = small.f32('target', [B, D], wanted);
      const { loss } = meanSquaredError(graph, add(graph, y, y), target);
      const reference = ({ w, b }: Record<string, Float64Array>) => {
        const h = heads.linear(data, w, b);
        return mse(
          heads.linear(h, w, b).map((value, k) => 2 * (value + h[k])),
          wanted,
        );
      };
      expect(await small.errors(loss, reference)).toEqual({});
    }),
  );

  it(
    'what the loss does not reach has the gradient zero',
    inGraph(async (small) => {
      const { graph } = small;
      small.parameter('idle', 3);
      const prediction = add(graph, small.parameter('x', 2, D), fill(graph, [2, D], 0.5));
      const wanted = normals(9, 2 * D);
      const { loss } = meanSquaredError(graph, prediction, small.f32('target', [2, D], wanted));
      const reference = ({ x }: Record<string, Float64Array>) =>
        mse(
          x.map((value) => value + 0.5),
          wanted,
        );
      expect(await small.errors(loss, reference)).toEqual({});
    }),
  );
});
