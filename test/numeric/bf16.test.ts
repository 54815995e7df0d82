// What stands on products in bf16, on every device: bnLstm, linear, cast, and models of them.
import { describe, expect, it } from 'vitest';
import {
  bidirectional,
  bnLstm,
  cosine,
  crossEntropy,
  lastStep,
  linear as linearLayer,
  lstm,
  rmsprop,
} from '../../lib/index.js';
import type { BnLstmCase } from '../../lib/model/bn_lstm_case.js';
import { oracle } from '../../lib/model/bn_lstm_oracle.js';
import { selfTest } from '../../lib/model/self_test.js';
import type { FloatType } from '../../lib/native.js';
import { cast } from '../../lib/ops/cast.js';
import { linear } from '../../lib/ops/linear.js';
import { meanSquaredError } from '../../lib/ops/mean_squared_error.js';
import * as heads from '../../lib/reference/heads.js';
import { toBf16 } from '../../lib/reference/rounding.js';
import { noiseBatch, noiseData, withModel } from '../model/support.js';
import { bf16Cases, inBf16, inF32, plainFailures, roundedFailures } from './bf16_cases.js';
import { differingRows, withStream } from './check_case.js';
import { devices } from './devices.js';
import { runBy, runOrRefuse, ways } from './plans.js';
import { randomCase } from './random_case.js';
import { normals, SmallGraph } from './small_graph.js';

describe.each(ways)('bnLstm in bf16 on $device by $plan', (way) => {
  const run = (given: BnLstmCase, threads = 0) => runBy(way, given, { threads });

  it.each(bf16Cases)('agrees with the reference, rounded and not: %s', async (_, given) => {
    const actual = await runOrRefuse(way, given);
    if (!actual) return;
    expect(roundedFailures(actual, oracle(given))).toEqual([]);
    expect(plainFailures(actual, oracle(inF32(given)))).toEqual([]);
    for (const name of ['y', 'hT', 'dx']) {
      const values = actual.get(name);
      if (values) expect(values).toEqual(Float32Array.from(values, toBf16));
    }
  });

  it('gives the same bits for 1, 2 and 5 threads', async () => {
    const shape = { T: 6, B: 30, D: 5, H: 23 };
    const lengths = Array.from({ length: 30 }, (_, n) => 1 + (n % 6));
    const options = { directions: 2, noise: 0.1, zoneout: 'sample', zoneoutH: 0.1 } as const;
    const given = inBf16(randomCase({ ...shape, lengths, options }));
    const one = await run(given, 1);
    expect(await run(given, 2)).toEqual(one);
    expect(await run(given, 5)).toEqual(one);
  });

  it('computes a row with population statistics whatever else is in the batch', async () => {
    const [T, B, D, H] = [9, 64, 4, 10];
    const many = inBf16(
      randomCase({
        ...{ T, B, D, H, population: 6, upstream: [] },
        options: { initialState: 'learned' },
      }),
    );
    const batch = (await run(many)).get('y') as Float32Array;
    for (const n of [0, 5, 63]) {
      const rowOf = (all: ArrayLike<number>, width: number) =>
        Float64Array.from({ length: T * width }, (_, k) => {
          return all[(Math.floor(k / width) * B + n) * width + (k % width)];
        });
      const alone: BnLstmCase = { ...many, B: 1, x: rowOf(many.x as Float64Array, D) };
      const y = (await run(alone)).get('y') as Float32Array;
      const row = Float32Array.from(rowOf(batch, H));
      const [inOne, inMany] = [new Map([['y', y]]), new Map([['y', row]])];
      expect(differingRows(way, 'bf16', inOne, inMany)).toEqual([]);
    }
  });

  it('ignores what the padding holds, NaN included, with valid rows; else NaN shows', async () => {
    const lengths = [6, 1, 4, 6, 2, 5, 3, 6, 4, 3, 6, 2];
    const given = inBf16(
      randomCase({ T: 6, B: 12, D: 4, H: 6, lengths, options: { directions: 2 } }),
    );
    const withNaN = (where: (step: number, row: number) => boolean) =>
      (given.x as Float64Array).map((value, k) => {
        const position = Math.floor(k / 4);
        return where(Math.floor(position / 12), position % 12) ? Number.NaN : value;
      });
    const clean = await run(given);
    const padded = { ...given, x: withNaN((step, row) => step >= lengths[row]) };
    expect(await run(padded)).toEqual(clean);
    const broken = { ...given, x: withNaN((step, row) => step === 0 && row === 3) };
    const result = await run(broken);
    expect(result.get('y')?.some(Number.isNaN)).toBe(true);
    expect(roundedFailures(result, clean)).not.toEqual([]);
  });

  it('passes the self-test', async () => {
    const { ok, dtype, tensors } = await selfTest({ ...way, dtype: 'bf16' });
    expect({ ok, dtype, wrong: tensors.filter((each) => !(each.error <= each.tolerance)) }).toEqual(
      {
        ...{ ok: true, dtype: 'bf16', wrong: [] },
      },
    );
  });
});

describe.each(devices)('linear and cast in bf16 on %s', (device) => {
  const types: readonly FloatType[] = ['f32', 'bf16'];
  const sizes = [
    [5, 4, 6],
    [20, 17, 9],
    [1, 100, 10],
  ];
  const cases = sizes.flatMap(([rows, I, O]) =>
    types.flatMap((x) => types.map((y) => ({ rows, I, O, x, y }))),
  );

  it.each(cases)('x $x [$rows][$I], y $y [$rows][$O]', async ({ rows, I, O, x, y }) => {
    await withStream(device, async (stream) => {
      const small = new SmallGraph(stream);
      const { graph } = small;
      const input =
        x === 'bf16' ? small.bf16Parameter('x', rows, I) : small.parameter('x', rows, I);
      const [w, b] = [small.parameter('w', I, O), small.parameter('b', O)];
      const wanted = normals(9, rows * O);
      const output = linear(graph, input, w, b, y);
      expect(output.dtype).toBe(y);
      const { loss } = meanSquaredError(graph, output, small.f32('target', [rows, O], wanted));
      const reference = (p: Record<string, Float64Array>) =>
        heads.meanSquaredError(heads.linear(p.x, p.w, p.b), wanted).loss;
      // With both in f32 nothing is rounded; else a few units in the last place of bf16.
      const tolerance = x === 'f32' && y === 'f32' ? {} : { loss: 1e-2, gradient: 1e-2 };
      expect(await small.errors(loss, reference, tolerance)).toEqual({});
    });
  });

  it('rounds at the points that native/ops/linear.h lists', async () => {
    const [rows, I, O] = [7, 19, 5];
    const [x, w, b] = [normals(1, rows * I), normals(2, I * O), normals(3, O)];
    for (const xType of types) {
      for (const yType of types) {
        const y = await withStream(device, async (stream) => {
          const small = new SmallGraph(stream);
          small.inputs.x = Float32Array.from(x);
          const input = small.graph.input('x', xType, [rows, I]);
          const [weights, bias] = [small.f32('w', [I, O], w), small.f32('b', [O], b)];
          small.graph.output('y', linear(small.graph, input, weights, bias, yType));
          const program = small.graph.compile();
          const result = await program.run(small.inputs);
          program.dispose();
          return result.y;
        });
        const operand = (data: Float64Array) => (xType === 'bf16' ? data.map(toBf16) : data);
        const exact = heads.linear(operand(x), operand(w), b);
        for (let k = 0; k < exact.length; k++) {
          // Exactly the nearest, or its neighbour where the sum is at a tie.
          const unit = yType === 'bf16' ? 2 ** -8 * Math.abs(exact[k]) : 0;
          expect(Math.abs(y[k] - exact[k])).toBeLessThanOrEqual(unit + 1e-5);
          if (yType === 'bf16') expect(y[k]).toBe(toBf16(y[k]));
        }
      }
    }
  });

  it('cast rounds, widens, and casts its gradient back', async () => {
    await withStream(device, async (stream) => {
      const small = new SmallGraph(stream);
      const { graph } = small;
      const x = small.parameter('x', 3, 90);
      const half = cast(graph, x, 'bf16');
      const wanted = normals(9, 270);
      const target = small.f32('target', [3, 90], wanted);
      const { loss } = meanSquaredError(graph, cast(graph, half, 'f32'), target);
      graph.output('half', half);
      const reference = ({ x }: Record<string, Float64Array>) =>
        heads.meanSquaredError(x, wanted).loss;
      const tolerance = { loss: 2 ** -8, gradient: 2 ** -7 };
      expect(await small.errors(loss, reference, tolerance)).toEqual({});
      const { half: rounded } = await graph.compile().run(small.inputs);
      expect(rounded).toEqual(Float32Array.from(normals(1, 270), toBf16));
    });
  });
});

describe('models in bf16', () => {
  const layers = [
    bidirectional(bnLstm({ hidden: 6, maxSteps: 6 })),
    lstm({ hidden: 5 }),
    lastStep(),
    linearLayer(4),
  ];
  const options = { features: 3, seed: 3 } as const;

  it('learn by heart, and predict close to f32 with the same weights', async () => {
    const data = noiseData({ count: 24 });
    await withModel({ ...options, dtype: 'bf16' }, layers, async (model) => {
      // The rate falls to 0: at a constant one the loss has spikes, and where training ends in one,
      // which the last bits decide, outputs in bf16 are ten times as far off as elsewhere.
      const rate = cosine({ learningRate: 1e-2, steps: 150 });
      const optimizer = rmsprop({ learningRate: rate });
      const trainer = model.trainer({ loss: crossEntropy(), optimizer, clipNorm: 1 });
      const batch = noiseBatch({ count: 24 });
      const first = await trainer.step(batch);
      let last = first;
      for (let step = 1; step < 150; step++) last = await trainer.step(batch);
      expect(last.loss).toBeLessThan(0.3 * first.loss);

      await model.estimateStatistics(data, { batchSize: 24 });
      const half = (await model.predict(batch)).outputs;
      await withModel(options, layers, async (full) => {
        for (const { name } of model.parameters) await full.set(name, await model.get(name));
        await full.estimateStatistics(data, { batchSize: 24 });
        const { outputs } = await full.predict(batch);
        const largest = outputs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const error = outputs.reduce((most, v, k) => Math.max(most, Math.abs(v - half[k])), 0);
        expect(error / largest).toBeLessThan(3e-2);
        expect(error).toBeGreaterThan(0);
        // The last layer gives f32: logits have more digits than bf16 holds.
        expect(half.some((value) => value !== toBf16(value))).toBe(true);
      });
    });
  });

  // On a GPU to rounding: steps that others went before are computed by the plan 'steps', whatever
  // those were computed by, and products of fewer steps are of another size.
  it.each(devices)('go on from a state with the same bits: %s', async (device) => {
    const recurrent = [bnLstm({ hidden: 6, maxSteps: 6 }), linearLayer(4)];
    await withModel({ ...options, device, dtype: 'bf16' }, recurrent, async (model) => {
      await model.estimateStatistics(noiseData({ count: 16 }), { batchSize: 16 });
      const batch = noiseBatch({ count: 2, steps: 6 });
      const { outputs: whole, state: end } = await model.predict(batch);
      expect(end[0].h).toEqual(Float32Array.from(end[0].h, toBf16));
      const part = (from: number, to: number) =>
        Float32Array.from(
          [0, 1].flatMap((row) => [
            ...batch.inputs.subarray((row * 6 + from) * 3, (row * 6 + to) * 3),
          ]),
        );
      const first = await model.predict({ inputs: part(0, 4), size: 2, steps: 4 });
      const { outputs, state } = await model.predict(
        { inputs: part(4, 6), size: 2, steps: 2 },
        { state: first.state, firstStep: 4 },
      );
      const tail = [0, 1].flatMap((row) => [
        ...whole.subarray((row * 6 + 4) * 4, (row * 6 + 6) * 4),
      ]);
      const result = (values: Float32Array, [{ h, c }]: typeof end) =>
        new Map(Object.entries({ y: values, hT: h, cT: c }));
      const inParts = result(outputs, state);
      const inOne = result(Float32Array.from(tail), end);
      const plan = device.startsWith('cpu') ? 'auto' : 'persistent';
      expect(differingRows({ device, plan }, 'bf16', inParts, inOne)).toEqual([]);
    });
  });
});
