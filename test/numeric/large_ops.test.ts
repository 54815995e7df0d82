// Ops at sizes that no device handles in one piece: beyond a vector, a warp, a block of rows.
import { describe, expect, it } from 'vitest';
import type { FloatType } from '../../lib/native.js';
import { crossEntropy } from '../../lib/ops/cross_entropy.js';
import { embedding } from '../../lib/ops/embedding.js';
import { linear } from '../../lib/ops/linear.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import * as heads from '../../lib/reference/heads.js';
import { toBf16 } from '../../lib/reference/rounding.js';
import { relativeError } from '../reference/compare.js';
import { withStream } from './check_case.js';
import { devices } from './devices.js';
import { normals, SmallGraph } from './small_graph.js';

const float32 = Math.fround;

describe.each(devices)('%s', (device) => {
  const inGraph = (body: (small: SmallGraph) => Promise<void>) =>
    withStream(device, (stream) => body(new SmallGraph(stream)));

  const types: readonly FloatType[] = ['f32', 'bf16'];
  const linears = [
    ...types.flatMap((x) => types.map((y) => ({ rows: 300, I: 33, O: 70, x, y }))),
    // Sums of the rows' blocks come in blocks themselves.
    { rows: 16_500, I: 1, O: 2, x: 'f32', y: 'f32' } as const,
  ];
  it.each(linears)('linear: x $x [$rows][$I], y $y [$rows][$O]', ({ rows, I, O, x, y }) =>
    inGraph(async (small) => {
      const { graph } = small;
      const given =
        x === 'bf16' ? small.bf16Parameter('x', rows, I) : small.parameter('x', rows, I);
      const [w, b] = [small.parameter('w', I, O), small.parameter('b', O)];
      const wanted = normals(9, rows * O);
      const target = small.f32('target', [rows, O], wanted);
      const { loss } = meanSquaredError(graph, linear(graph, given, w, b, y), target);
      const { gradients } = await small.run(loss);
      const data = x === 'bf16' ? normals(1, rows * I).map(toBf16) : normals(1, rows * I);
      const [weights, bias] = [normals(2, I * O), normals(3, O)];
      const { gradient: dy } = heads.meanSquaredError(heads.linear(data, weights, bias), wanted);
      const expected = heads.linearBackward(data, weights, dy, O);
      const tolerance = x === 'f32' && y === 'f32' ? 1e-5 : 2e-2;
      for (const name of ['x', 'w', 'b'] as const) {
        expect(relativeError(gradients[name], expected[name])).toBeLessThan(tolerance);
      }
    }),
  );

  it('the bias gets the sum of a dy that is not rounded', () =>
    inGraph(async (small) => {
      const { graph } = small;
      const [rows, I, O] = [300, 2, 3];
      const x = small.bf16Parameter('x', rows, I);
      const [w, b] = [small.parameter('w', I, O), small.parameter('b', O)];
      const wanted = normals(9, rows * O);
      const target = small.f32('target', [rows, O], wanted);
      const { loss } = meanSquaredError(graph, linear(graph, x, w, b, 'f32'), target);
      const { gradients } = await small.run(loss);
      const operand = (seed: number, size: number) => normals(seed, size).map(toBf16);
      const y = heads.linear(operand(1, rows * I), operand(2, I * O), normals(3, O));
      const { gradient: dy } = heads.meanSquaredError(y, wanted);
      const sums = [0, 1, 2].map((o) => dy.reduce((sum, v, k) => (k % O === o ? sum + v : sum), 0));
      expect(relativeError(gradients.b, sums)).toBeLessThan(1e-5);
    }));

  it.each([40, 333])('crossEntropy over %i classes, logits far apart, some rows masked', (C) =>
    inGraph(async (small) => {
      const [T, B] = [5, 9];
      const targets = Int32Array.from({ length: T * B }, (_, k) => (k * 37) % C);
      const lengths = Int32Array.from({ length: B }, (_, n) => 1 + (n % T));
      const counts = targets.map((_, row) => (Math.floor(row / B) < lengths[row % B] ? 1 : 0));
      const logits = small.parameter('logits', T, B, C);
      const spread = small.f32('spread', [C, C], scaledIdentity(C, 100));
      const zeros = new Float64Array(C);
      const { loss, correct, counted } = crossEntropy(
        small.graph,
        linear(small.graph, logits, spread),
        small.i32('targets', [T, B], targets),
        { lengths: small.i32('lengths', [B], lengths) },
      );
      small.graph.output('correct', correct);
      small.graph.output('counted', counted);
      const result = await small.run(loss);
      const given = heads.linear(normals(1, T * B * C), scaledIdentity(C, 100), zeros);
      const expected = heads.softmaxCrossEntropy(given, targets, counts);
      expect(relativeError([result.loss], [expected.loss])).toBeLessThan(1e-5);
      const gradient = expected.gradient.map((value) => 100 * value);
      expect(relativeError(result.gradients.logits, gradient)).toBeLessThan(1e-4);
    }),
  );

  it('crossEntropy finds the first of the largest logits among many, and a NaN anywhere', () =>
    inGraph(async (small) => {
      const { graph } = small;
      const C = 100;
      const row = (values: Record<number, number>) =>
        Array.from({ length: C }, (_, c) => values[c] ?? -1);
      const rows = [
        { target: 70, values: { 70: 3, 71: 3, 99: 3 }, right: true },
        { target: 70, values: { 38: 3, 70: 3 }, right: false },
        { target: 99, values: { 99: 0.5 }, right: true },
        { target: 0, values: {}, right: true },
        { target: 0, values: { 99: -0.5 }, right: false },
        { target: 33, values: { 33: 5, 97: Number.NaN }, right: false },
        { target: 33, values: { 33: Number.NaN }, right: false },
        ...Array.from({ length: 13 }, () => ({
          target: 64,
          values: { 64: 9, 65: 9 },
          right: true,
        })),
      ];
      const { loss, correct, counted } = crossEntropy(
        graph,
        small.f32(
          'logits',
          [rows.length, C],
          rows.flatMap(({ values }) => row(values)),
        ),
        small.i32(
          'targets',
          [rows.length],
          rows.map(({ target }) => target),
        ),
      );
      graph.output('loss', loss);
      graph.output('correct', correct);
      graph.output('counted', counted);
      const result = await graph.compile().run(small.inputs);
      expect(result.correct[0]).toBe(rows.filter(({ right }) => right).length);
      expect(result.counted[0]).toBe(rows.length);
      expect(result.loss[0]).toBeNaN();
    }));

  it.each([1, 3, 5000])('meanSquaredError of rows of %i, many of them masked', (width) =>
    inGraph(async (small) => {
      const rows = Math.ceil(5000 / width);
      const mask = Float64Array.from({ length: rows }, (_, k) => (k % 3 === 1 ? 0 : -1));
      const wanted = normals(9, rows * width);
      const { loss, counted } = meanSquaredError(
        small.graph,
        small.parameter('prediction', rows, width),
        small.f32('target', [rows, width], wanted),
        { mask: small.f32('mask', [rows], mask) },
      );
      small.graph.output('counted', counted);
      const result = await small.run(loss);
      const prediction = normals(1, rows * width);
      const expected = heads.meanSquaredError(prediction, wanted, mask);
      expect(relativeError([result.loss], [expected.loss])).toBeLessThan(1e-6);
      expect(relativeError(result.gradients.prediction, expected.gradient)).toBeLessThan(1e-6);
    }),
  );

  it('embedding adds up the places of a token in their order, out of a large vocabulary', () =>
    inGraph(async (small) => {
      const { graph } = small;
      const [V, E, places] = [300, 37, 700];
      // One token at every third place, others once or twice, many nowhere.
      const tokens = Int32Array.from({ length: places }, (_, k) => (k % 3 ? (k * 101) % V : 77));
      const table = small.parameter('table', V, E);
      const wanted = normals(9, places * E);
      const y = embedding(graph, small.i32('tokens', [places], tokens), table);
      const { loss } = meanSquaredError(graph, y, small.f32('target', [places, E], wanted));
      const { gradients } = await small.run(loss);
      const data = normals(1, V * E);
      const scale = float32(2 / (places * E));
      const expected = new Float32Array(V * E);
      for (const [place, token] of tokens.entries()) {
        for (let e = 0; e < E; e++) {
          const difference = float32(data[token * E + e] - wanted[place * E + e]);
          expected[token * E + e] += float32(scale * difference);
        }
      }
      expect(gradients.table).toEqual(expected);
    }));
});

function scaledIdentity(size: number, value: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, k) => (k % (size + 1) === 0 ? value : 0));
}
