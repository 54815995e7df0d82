// A window of batches gives the gradient of the mean over all that it counts.
import { describe, expect, it } from 'vitest';
import type { HostArray, NativeStream } from '../../lib/native.js';
import { accumulateGradients, averageGradients } from '../../lib/ops/accumulate_gradients.js';
import { Graph } from '../../lib/program/graph.js';
import { relativeError } from '../reference/compare.js';
import { withStream } from './check_case.js';
import { devices, realDevices } from './devices.js';
import { normals } from './small_graph.js';

interface Batch {
  readonly gradients: Float64Array;
  readonly loss: number;
  readonly counted: number;
}

const P = 10_007;
const batches: readonly Batch[] = [5, 0, 17, 3].map((counted, k) => ({
  gradients: counted === 0 ? new Float64Array(P) : normals(k + 1, P, 10 ** k),
  loss: counted === 0 ? 0 : Math.fround(0.3 * k + 1),
  counted,
}));

/** Programs of the first, a middle and the last batch of windows, over sums that begin as rubbish. */
async function setUp(stream: NativeStream, size = P) {
  const rubbish = async (label: string, count: number) => {
    const array = stream.array(4 * count);
    await stream.write(array, 0, new Float32Array(count).fill(Number.NaN));
    return (graph: Graph) => graph.external(label, { array, offset: 0 }, 'f32', [count]);
  };
  const places = [await rubbish('sum', size), await rubbish('totals', 2)] as const;
  const gradientPlace = await rubbish('gradients', size);
  const programs = ['first', 'middle', 'last'].map((kind) => {
    const graph = new Graph(stream);
    const given = graph.input('given', 'f32', [size]);
    const gradients = gradientPlace(graph);
    // What a backward pass leaves lies outside the program.
    graph.record({ name: 'concat', inputs: { x0: given }, outputs: { y: gradients } });
    const [sum, totals] = places.map((place) => place(graph));
    const [loss, counted] = ['loss', 'counted'].map((name) => graph.input(name, 'f32', [1]));
    const batch = { gradients, loss, counted };
    if (kind === 'last') {
      graph.output('loss', averageGradients(graph, batch, { sum, totals }));
      graph.output('gradients', gradients);
    } else {
      accumulateGradients(graph, batch, { sum, totals }, { first: kind === 'first' });
    }
    return graph.compile();
  });
  return async (window: readonly Batch[]): Promise<Record<string, HostArray>> => {
    let results: Record<string, HostArray> = {};
    for (const [index, { gradients, loss, counted }] of window.entries()) {
      const program = programs[index === 0 ? 0 : index === window.length - 1 ? 2 : 1];
      results = await program.run({
        given: Float32Array.from(gradients),
        loss: Float32Array.of(loss),
        counted: Float32Array.of(counted),
      });
    }
    return results;
  };
}

const weighted = (window: readonly Batch[], value: (batch: Batch) => number) =>
  window.reduce((sum, batch) => sum + batch.counted * value(batch), 0) /
  Math.max(
    1,
    window.reduce((sum, { counted }) => sum + counted, 0),
  );

describe.each(devices)('%s', (device) => {
  it('batches weigh what they count, and each window begins anew', () =>
    withStream(device, async (stream) => {
      const run = await setUp(stream);
      for (const window of [batches, batches.slice(2), batches.slice(1), batches.slice(0, 3)]) {
        const expected = Float64Array.from({ length: P }, (_, i) =>
          weighted(window, ({ gradients }) => gradients[i]),
        );
        const { loss, gradients } = await run(window);
        expect(relativeError(gradients, expected)).toBeLessThan(1e-6);
        expect(relativeError(loss, [weighted(window, (batch) => batch.loss)])).toBeLessThan(1e-6);
      }
    }));

  it('nothing counted is a gradient and a loss of zero', () =>
    withStream(device, async (stream) => {
      const run = await setUp(stream);
      const { loss, gradients } = await run([batches[1], batches[1]]);
      expect([loss[0], ...new Set(gradients)]).toEqual([0, 0]);
    }));

  it.each([0, 2, 3])('what is not finite in batch %i stays so', (bad) =>
    withStream(device, async (stream) => {
      const run = await setUp(stream);
      const at = P - 1;
      for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const gradients = batches[bad].gradients.slice();
        gradients[at] = wrong;
        const given = batches.map((batch, k) => (k === bad ? { ...batch, gradients } : batch));
        const result = await run(given);
        expect(Number.isFinite(result.gradients[at])).toBe(false);
        expect(Number.isFinite(result.gradients[0])).toBe(true);
        const losses = batches.map((batch, k) => (k === bad ? { ...batch, loss: wrong } : batch));
        expect(Number.isFinite((await run(losses)).loss[0])).toBe(false);
      }
      // Nothing of it is left for the next window.
      expect((await run(batches)).gradients.every(Number.isFinite)).toBe(true);
    }),
  );
});

describe.each(realDevices)('%s', (device) => {
  it('the bits do not depend on the number of threads', async () => {
    const size = 300_001;
    const window = batches.map((batch, k) => ({ ...batch, gradients: normals(k + 1, size) }));
    const bits: Buffer[] = [];
    for (const threads of [1, 2, 3]) {
      await withStream(
        device,
        async (stream) => {
          const { gradients, loss } = await (await setUp(stream, size))(window);
          bits.push(Buffer.concat([Buffer.from(gradients.buffer), Buffer.from(loss.buffer)]));
        },
        threads,
      );
    }
    expect(bits.map((each) => each.equals(bits[0]))).toEqual([true, true, true]);
  });
});
