import { describe, expect, test } from 'vitest';
import { recallTask } from '../../lib/data/recall.js';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  adam,
  bidirectional,
  bnLstm,
  crossEntropy,
  dropout,
  embedding,
  lastStep,
  linear,
  lstm,
  meanSquaredError,
  rmsprop,
  type StepResult,
  type Trainer,
} from '../../lib/index.js';
import {
  expectError,
  noiseBatch,
  noiseData,
  normals,
  trainerOf,
  weights,
  withModel,
} from '../model/support.js';

const reals = { features: 3, seed: 5 };
const classifier = [bnLstm({ hidden: 8, maxSteps: 6 }), lastStep(), linear(4)];

async function collect(steps: AsyncIterable<StepResult>): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for await (const step of steps) results.push(step);
  return results;
}

describe('learning', () => {
  test('sixteen sequences by heart', async () => {
    await withModel(reals, classifier, async (model) => {
      const data = noiseData({ count: 16 });
      const optimizer = adam({ learningRate: 1e-2 });
      const trainer = model.trainer({ loss: crossEntropy(), optimizer, clipNorm: 1 });
      const options = { batchSize: 16, iterations: 400, reportEvery: 100 };
      const results = await collect(trainer.run(data, options));
      expect(results.map(({ index, steps }) => [index, steps])).toEqual(
        [100, 200, 300, 400].map((index) => [index, 100]),
      );
      expect(results.at(-1)?.accuracy).toBe(1);
      await model.estimateStatistics(data, { batchSize: 16 });
      const { accuracy, loss, count } = await model.evaluate(data);
      expect([accuracy, count]).toEqual([1, 16]);
      expect(loss).toBeLessThan(0.2);
    });
  });

  test('the first symbol of a sequence of tokens', async () => {
    const task = { steps: 12, classes: 3, symbols: 5 };
    await withModel(
      { vocabulary: 5 },
      [bnLstm({ hidden: 16, maxSteps: 12 }), lastStep(), linear(3)],
      async (model) => {
        const data = recallTask({ ...task, count: 640, seed: 1 });
        for await (const step of trainerOf(model, 1e-3).run(data, {
          batchSize: 64,
          iterations: 400,
        })) {
          if ((step.accuracy ?? 0) > 0.99) break;
        }
        await model.estimateStatistics(data);
        const test = recallTask({ ...task, count: 200, seed: 2 });
        expect((await model.evaluate(test)).accuracy).toBeGreaterThan(0.95);
      },
    );
  });

  test('reals with mean squared error, at every step', async () => {
    await withModel({ features: 2 }, [lstm({ hidden: 12 }), linear(1)], async (model) => {
      // The running mean of the first feature.
      const [B, T] = [32, 5];
      const inputs = normals(B * T * 2, 3);
      const targets = new Float32Array(B * T);
      for (let n = 0; n < B; n++) {
        for (let t = 0, sum = 0; t < T; t++) {
          sum += inputs[(n * T + t) * 2];
          targets[n * T + t] = sum / (t + 1);
        }
      }
      const batch = { inputs, targets, size: B, steps: T };
      const optimizer = adam({ learningRate: 1e-2 });
      const trainer = model.trainer({ loss: meanSquaredError(), optimizer, clipNorm: 1 });
      const first = await trainer.step(batch);
      for (let i = 0; i < 150; i++) await trainer.step(batch);
      const last = await trainer.step(batch);
      expect(first.accuracy).toBeUndefined();
      expect(last.loss).toBeLessThan(first.loss / 10);
      expect([last.index, last.steps, last.epoch]).toEqual([152, 1, 0]);
    });
  });
});

/** RMSProp that never scales: w -= learningRate * gradient. */
const plainGradient = () => rmsprop({ learningRate: 1e6, maxScaling: 1e-6 });

test('gradients of a whole stack agree with differences of its loss', async () => {
  const layers = [
    embedding(4),
    bnLstm({ hidden: 5, maxSteps: 4, gammaInit: 0.5, eps: 0.1 }),
    bidirectional(lstm({ hidden: 3 })),
    linear(6),
    bidirectional(bnLstm({ hidden: 4, maxSteps: 6, eps: 0.1, inputStatistics: 'sequence' })),
    lastStep(),
    linear(3),
  ];
  await withModel({ vocabulary: 7, seed: 2 }, layers, async (model) => {
    const { inputs, ...batch } = noiseBatch({ count: 12, classes: 3 });
    const tokens = Int32Array.from({ length: 12 * 6 }, (_, i) => (i * i + Math.floor(i / 5)) % 7);
    const lengths = Int32Array.of(6, 6, 5, 6, 4, 6, 6, 3, 6, 5, 6, 6);
    const full: Batch = { ...batch, inputs: tokens, lengths };
    const before = new Map<string, Float32Array>();
    for (const { name } of model.parameters) before.set(name, await model.get(name));

    const trainer = model.trainer({ loss: crossEntropy(), optimizer: plainGradient() });
    const { gradientNorm } = await trainer.step(full);
    const data: DataSource = { count: 12, batches: () => [full] };
    const lossAt = async (scale: number) => {
      for (const [name, values] of before) {
        const gradient = gradients.get(name) as Float32Array;
        await model.set(
          name,
          values.map((value, i) => value + scale * gradient[i]),
        );
      }
      return (await model.evaluate(data, { statistics: 'batch' })).loss;
    };
    const gradients = new Map<string, Float32Array>();
    for (const [name, values] of before) {
      const after = await model.get(name);
      gradients.set(
        name,
        values.map((value, i) => value - after[i]),
      );
    }
    const squares = [...gradients.values()].flatMap((values) => [...values.map((g) => g * g)]);
    const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    expect(norm / gradientNorm).toBeCloseTo(1, 4);
    const h = 0.02 / norm;
    const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    expect(slope / norm ** 2).toBeCloseTo(1, 2);
  });
});

test('clipping scales all gradients together', async () => {
  const change = async (clipNorm: number | undefined) =>
    withModel(reals, classifier, async (model) => {
      const before = await weights(model);
      const optimizer = plainGradient();
      const trainer = model.trainer({ loss: crossEntropy(), optimizer, clipNorm });
      const { gradientNorm } = await trainer.step(noiseBatch({ count: 8 }));
      const after = await weights(model);
      const size = Math.hypot(...after.map((value, i) => value - before[i]));
      return { gradientNorm, size };
    });
  const free = await change(undefined);
  const clipped = await change(free.gradientNorm / 4);
  expect(clipped.gradientNorm).toBe(free.gradientNorm);
  expect(free.size / free.gradientNorm).toBeCloseTo(1, 4);
  expect(clipped.size / free.gradientNorm).toBeCloseTo(1 / 4, 4);
});

test('the same seed gives the same bits, whatever the threads; another seed does not', async () => {
  const layers = [
    bnLstm({ hidden: 8, maxSteps: 6, initialNoise: 0.1, zoneoutCell: 0.1, zoneoutHidden: 0.1 }),
    lastStep(),
    dropout(0.2),
    linear(4),
  ];
  const run = (seed: number, threads: number) =>
    withModel({ features: 3, seed, threads }, layers, async (model) => {
      const steps = await collect(
        trainerOf(model).run(noiseData({ count: 20 }), { batchSize: 6, epochs: 3 }),
      );
      return { losses: steps.map(({ loss }) => loss), values: await weights(model) };
    });
  const first = await run(1, 1);
  expect(first.losses.length).toBe(9);
  expect(await run(1, 2)).toEqual(first);
  expect((await run(2, 1)).losses).not.toEqual(first.losses);
});

test('noise, zoneout and dropout differ from step to step', async () => {
  for (const layers of [
    [bnLstm({ hidden: 8, maxSteps: 6, initialNoise: 0.5 }), lastStep(), linear(4)],
    [lstm({ hidden: 8, zoneoutCell: 0.5 }), lastStep(), linear(4)],
    [lstm({ hidden: 8 }), lastStep(), dropout(0.5), linear(4)],
  ]) {
    await withModel(reals, layers, async (model) => {
      const trainer = trainerOf(model, 0);
      const losses: number[] = [];
      for (let i = 0; i < 4; i++) losses.push((await trainer.step(noiseBatch({ count: 8 }))).loss);
      expect(new Set(losses).size).toBe(4);
    });
  }
});

test('fixed initial states stay, learned ones move', async () => {
  const layer = lstm({ hidden: 4, trainInitialHidden: false });
  await withModel(reals, [layer, lastStep(), linear(4)], async (model) => {
    expect(model.parameters.find(({ name }) => name === '0.h0')?.trainable).toBe(false);
    await trainerOf(model).step(noiseBatch({ count: 8 }));
    expect(await model.get('0.h0')).toEqual(new Float32Array(4));
    expect(await model.get('0.c0')).not.toEqual(new Float32Array(4));
  });
});

describe('learning rate', () => {
  test('may be a function of the step', async () => {
    await withModel(reals, classifier, async (model) => {
      const asked: number[] = [];
      const learningRate = (step: number) => {
        asked.push(step);
        return step < 3 ? 0 : 0.1;
      };
      const before = await weights(model);
      const trainer = model.trainer({ loss: crossEntropy(), optimizer: rmsprop({ learningRate }) });
      const batch = noiseBatch({ count: 8 });
      await trainer.step(batch);
      expect((await trainer.step(batch)).learningRate).toBe(0);
      expect(await weights(model)).toEqual(before);
      expect((await trainer.step(batch)).learningRate).toBe(0.1);
      expect(await weights(model)).not.toEqual(before);
      expect(asked).toEqual([1, 2, 3]);
    });
  });

  test('a function that gives no number is refused, and nothing happens', async () => {
    await withModel(reals, classifier, async (model) => {
      const before = await weights(model);
      const optimizer = adam({ learningRate: () => Number.NaN });
      const trainer = model.trainer({ loss: crossEntropy(), optimizer });
      const step = () => trainer.step(noiseBatch({ count: 8 }));
      await expectError(step, 'ERR_BNLSTM_ARGUMENT', /learningRate\(1\)/);
      expect(await weights(model)).toEqual(before);
    });
  });
});

test('batches with and without lengths, masks, and of other sizes go through one trainer', async () => {
  await withModel(
    { features: 3 },
    [bnLstm({ hidden: 4, maxSteps: 6 }), linear(4)],
    async (model) => {
      const trainer: Trainer = trainerOf(model);
      const perStep = (count: number, steps: number): Batch => ({
        ...noiseBatch({ count, steps }),
        targets: new Int32Array(count * steps).fill(1),
      });
      for (const batch of [
        perStep(4, 6),
        { ...perStep(4, 6), lengths: Int32Array.of(6, 4, 2, 2) },
        { ...perStep(4, 6), mask: new Float32Array(24).fill(1, 0, 3) },
        perStep(9, 2),
        perStep(2, 9),
      ]) {
        expect((await trainer.step(batch)).loss).toBeGreaterThan(0);
      }
      expect((await trainer.step(perStep(4, 6))).index).toBe(6);
    },
  );
});

test('rows that do not count leave loss and gradients alone', async () => {
  const run = (change: (batch: Batch) => Batch) =>
    withModel({ features: 3 }, [lstm({ hidden: 4 }), linear(4)], async (model) => {
      const batch = { ...noiseBatch({ count: 4 }), targets: new Int32Array(24).fill(2) };
      const { loss, accuracy } = await trainerOf(model).step(change(batch));
      return { loss, accuracy, values: await weights(model) };
    });
  const mask = new Float32Array(24).fill(1).fill(0, 6, 12);
  const masked = await run((batch) => ({ ...batch, mask }));
  const elsewhere = new Int32Array(24).fill(2).fill(-7, 6, 12);
  expect(await run((batch) => ({ ...batch, mask, targets: elsewhere }))).toEqual(masked);
  expect((await run((batch) => batch)).loss).not.toBe(masked.loss);
});
