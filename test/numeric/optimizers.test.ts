// Clipping, the optimizers and the device's record of training, against the reference in doubles.
import { describe, expect, it } from 'vitest';
import type { HostArray, NativeStream } from '../../lib/native.js';
import { adam } from '../../lib/ops/adam.js';
import { commitStep } from '../../lib/ops/commit_step.js';
import { globalNorm } from '../../lib/ops/global_norm.js';
import type { OptimizerStep } from '../../lib/ops/optimizer_step.js';
import { rmsprop } from '../../lib/ops/rmsprop.js';
import { sgd } from '../../lib/ops/sgd.js';
import { Graph } from '../../lib/program/graph.js';
import type { Value } from '../../lib/program/value.js';
import {
  adamStep,
  adamwStep,
  clipByGlobalNorm,
  rmspropStep,
  sgdStep,
} from '../../lib/reference/optimizers.js';
import { relativeError } from '../reference/compare.js';
import { withStream } from './check_case.js';
import { devices } from './devices.js';
import { normals } from './small_graph.js';

const P = 10_000;
const learningRate = Math.fround(1e-2);
/** Elements 100 to 199 and all from 9000 on are not trained. Some segments differ, some do not. */
const segments = [
  { begin: 0, count: 100, rateFactor: 0.5, weightDecay: 0.1 },
  { begin: 200, count: 4321, rateFactor: 0.5, weightDecay: 0.1 },
  { begin: 4521, count: 3000, rateFactor: 0.5, weightDecay: 0.1 },
  { begin: 7521, count: 700, rateFactor: 0.5, weightDecay: 0 },
  { begin: 8221, count: 779, rateFactor: 2, weightDecay: 0 },
];
/** Epsilons are such that before and after bias correction are not the same. */
const settings = { decay: 0.9, maxScaling: 1e5, beta1: 0.9, beta2: 0.999, eps: Math.fround(1e-3) };
const momentum = 0.9;

/** Applies a step as the segments say. */
function apply(weights: Float64Array, step: Float64Array, rate: number): Float64Array {
  const next = weights.slice();
  for (const { begin, count, rateFactor, weightDecay } of segments) {
    for (let k = begin; k < begin + count; k++) {
      next[k] -= rateFactor * (step[k] + rate * weightDecay * weights[k]);
    }
  }
  return next;
}

const trained = (k: number) => segments.some(({ begin, count }) => k >= begin && k < begin + count);

/** What each op keeps, how it is recorded, and what it does by the reference. */
const optimizers = {
  rmsprop: {
    slots: ['meanSquare'],
    record: (graph: Graph, step: OptimizerStep, [meanSquare]: Value[]) =>
      rmsprop(graph, { ...step, meanSquare, ...settings }),
    reference: () => {
      let meanSquare: Float64Array = new Float64Array(P);
      return (gradient: Float64Array, learningRate: number) => {
        const result = rmspropStep(gradient, meanSquare, { learningRate, ...settings });
        meanSquare = result.meanSquare;
        return result.step;
      };
    },
  },
  adam: {
    slots: ['m', 'v'],
    record: (graph: Graph, step: OptimizerStep, [m, v]: Value[]) =>
      adam(graph, { ...step, m, v, ...settings }),
    reference: () => adamReference(adamStep),
  },
  'adam, eps after correction': {
    slots: ['m', 'v'],
    record: (graph: Graph, step: OptimizerStep, [m, v]: Value[]) =>
      adam(graph, { ...step, m, v, ...settings, epsAfterCorrection: true }),
    reference: () => adamReference(adamwStep),
  },
  sgd: sgdCase(0, false),
  'sgd with momentum': sgdCase(momentum, false),
  'sgd with Nesterov momentum': sgdCase(momentum, true),
};
type Name = keyof typeof optimizers;
const names = Object.keys(optimizers) as Name[];

function sgdCase(momentum: number, nesterov: boolean) {
  return {
    slots: momentum > 0 ? ['velocity'] : [],
    record: (graph: Graph, step: OptimizerStep, [velocity]: Value[]) =>
      sgd(graph, { ...step, velocity, momentum, nesterov }),
    reference: () => {
      let velocity: Float64Array = new Float64Array(P);
      return (gradient: Float64Array, learningRate: number) => {
        const result = sgdStep(gradient, velocity, { learningRate, momentum, nesterov });
        velocity = result.velocity;
        return result.step;
      };
    },
  };
}

function adamReference(stepOf: typeof adamwStep) {
  let moments = { m: new Float64Array(P), v: new Float64Array(P) };
  let t = 0;
  return (gradient: Float64Array, learningRate: number) => {
    const { step, m, v } = stepOf(gradient, moments, ++t, { learningRate, ...settings });
    moments = { m, v };
    return step;
  };
}

/** One training step on given gradients: a program, and the arrays that it changes. */
async function setUp(
  stream: NativeStream,
  name: Name,
  clip: { readonly clipNorm: number; readonly sticky: boolean },
) {
  const graph = new Graph(stream);
  const outside = (label: string, dtype: 'f32' | 'i32', size: number) =>
    graph.external(label, { array: stream.array(4 * size), offset: 0 }, dtype, [size]);
  const weights = normals(1, P);
  const parameters = outside('parameters', 'f32', P);
  const state = outside('state', 'i32', 4);
  const slots = optimizers[name].slots.map((label) => outside(label, 'f32', P));
  const write = (value: Value, data: HostArray) =>
    value.storage.kind === 'external' && stream.write(value.storage.place.array, 0, data);
  await write(parameters, Float32Array.from(weights));
  const gradients = graph.input('gradients', 'f32', [P]);
  const loss = graph.input('loss', 'f32', [1]);
  const rate = graph.input('learningRate', 'f32', [1]);
  const { norm, scale } = globalNorm(graph, { gradients, loss, state, ...clip });
  const step = { parameters, gradients, learningRate: rate, scale, state, segments };
  optimizers[name].record(graph, step, slots);
  commitStep(graph, state);
  for (const value of [parameters, state, ...slots]) graph.output(value.label, value);
  graph.output('norm', norm);
  graph.output('scale', scale);
  const program = graph.compile();
  const run = (data: Float64Array, lossValue = 1, learningRateOfStep = learningRate) =>
    program.run({
      gradients: Float32Array.from(data),
      loss: Float32Array.of(lossValue),
      learningRate: Float32Array.of(learningRateOfStep),
    });
  return { weights, run, clearState: () => write(state, new Int32Array(4)) };
}

describe.each(devices)('%s', (device) => {
  it.each(names)('%s with clipping over some steps', (name) =>
    withStream(device, async (stream) => {
      const clipNorm = 80;
      const { weights, run } = await setUp(stream, name, { clipNorm, sticky: false });
      const step = optimizers[name].reference();
      let expected = weights;
      const scales: boolean[] = [];
      for (let t = 1; t <= 6; t++) {
        // Norms of about 50, 100, 150: below the threshold at first, then above.
        const gradient = normals(t + 1, P, 0.5 * t);
        const clipped = clipByGlobalNorm([gradient], clipNorm);
        const rate = Math.fround(learningRate / t); // as a schedule changes it
        expected = apply(expected, step(clipped.gradients[0], rate), rate);
        const result = await run(gradient, 1, rate);
        expect(relativeError(result.norm, [clipped.norm])).toBeLessThan(1e-6);
        expect(relativeError(result.parameters, expected)).toBeLessThan(1e-6);
        expect([...result.state]).toEqual([t, 0, 0, 0]);
        scales.push(result.scale[0] < 1);
      }
      expect(scales).toEqual([false, true, true, true, true, true]);
    }),
  );

  it.each(names)('%s leaves untrained elements as they are', (name) =>
    withStream(device, async (stream) => {
      const { weights, run } = await setUp(stream, name, { clipNorm: 0, sticky: false });
      const result = await run(normals(2, P, 100));
      expect(result.scale[0]).toBe(1);
      for (let k = 0; k < P; k++) expect(result.parameters[k] === weights[k]).toBe(!trained(k));
    }),
  );

  it('a norm whose squares f32 does not hold is a norm', () =>
    withStream(device, async (stream) => {
      const { run } = await setUp(stream, 'adam', { clipNorm: 5, sticky: false });
      const result = await run(new Float64Array(P).fill(1e25));
      expect(relativeError(result.norm, [1e27])).toBeLessThan(1e-6);
      expect(relativeError(result.scale, [5e-27])).toBeLessThan(1e-6);
      expect([...result.state]).toEqual([1, 0, 0, 0]);
    }));

  it.each([true, false])('a step that is not finite changes nothing; sticky: %s', (sticky) =>
    withStream(device, async (stream) => {
      const { weights, run, clearState } = await setUp(stream, 'adam', { clipNorm: 1, sticky });
      const unchanged = (result: Record<string, HostArray>) => {
        expect(relativeError(result.parameters, weights)).toBe(0);
        expect(relativeError(result.m, new Float64Array(P))).toBe(0);
      };
      const good = normals(2, P);
      const bad = good.slice();
      bad[4321] = Number.NaN;
      const first = await run(bad);
      unchanged(first);
      expect([...first.state]).toEqual([0, 1, 1, 0]);
      const infinite = await run(good, Number.POSITIVE_INFINITY);
      unchanged(infinite);
      expect([...infinite.state]).toEqual([0, 2, 1, 0]);
      const next = await run(good);
      expect([...next.state]).toEqual(sticky ? [0, 3, 1, 0] : [1, 2, 0, 0]);
      if (!sticky) return;
      unchanged(next);
      await clearState();
      expect([...(await run(good)).state]).toEqual([1, 0, 0, 0]);
    }),
  );
});
