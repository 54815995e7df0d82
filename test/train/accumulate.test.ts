// Several batches that make one step: the step of one large batch.
import { describe, expect, test } from 'vitest';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  adam,
  bnLstm,
  crossEntropy,
  dropout,
  type Layer,
  linear,
  lstm,
  type Model,
  meanSquaredError,
  type RunOptions,
  type StepResult,
  sgd,
  type TrainerOptions,
} from '../../lib/index.js';
import { expectError, normals, weights, withModel } from '../model/support.js';
import { devices } from '../numeric/devices.js';
import { relativeError } from '../reference/compare.js';

const [T, D, C] = [6, 3, 4];
const reals = { features: D, seed: 5 };
const perStep = [lstm({ hidden: 5 }), linear(C)];

/** Rows of several lengths, a class for every step. */
function sequences(size: number, seed: number): Batch {
  return {
    ...{ size, steps: T },
    inputs: normals(size * T * D, seed),
    targets: Int32Array.from({ length: size * T }, (_, k) => (k * k + seed) % C),
    lengths: Int32Array.from({ length: size }, (_, n) => 1 + ((n * n + seed) % T)),
  };
}

/** One batch of all rows. */
function join(batches: readonly Batch[]): Batch {
  const all = (key: 'inputs' | 'targets' | 'lengths') =>
    batches.flatMap((batch) => [...(batch[key] as Float32Array)]);
  const Targets = batches[0].targets instanceof Float32Array ? Float32Array : Int32Array;
  return {
    size: batches.reduce((sum, { size }) => sum + size, 0),
    steps: T,
    inputs: Float32Array.from(all('inputs')),
    targets: Targets.from(all('targets')),
    lengths: Int32Array.from(all('lengths')),
  };
}

/** The same batches in every epoch. */
const sourceOf = (batches: readonly Batch[]): DataSource => ({
  count: batches.reduce((sum, { size }) => sum + size, 0),
  batches: () => batches,
});

async function train(
  model: Model,
  batches: readonly Batch[],
  options: Partial<TrainerOptions>,
  run: Partial<RunOptions> = { epochs: 1 },
) {
  const optimizer = sgd({ learningRate: 0.5, momentum: 0.9 });
  const trainer = model.trainer({ loss: crossEntropy(), optimizer, ...options });
  const results: StepResult[] = [];
  for await (const result of trainer.run(sourceOf(batches), {
    batchSize: 8,
    shuffle: false,
    ...run,
  })) {
    results.push(result);
  }
  return results;
}

const close = (actual: number, expected: number) =>
  expect(Math.abs(actual - expected) / Math.abs(expected)).toBeLessThan(1e-5);

describe.each(devices)('%s', (device) => {
  const windows = [0, 1, 2].map((w) => [8, 3, 7, 1].map((size, k) => sequences(size, 4 * w + k)));
  const squares = windows.map((window) =>
    window.map((batch, k) => ({ ...batch, targets: normals(batch.size * T * C, k) })),
  );

  test.each([
    ['cross-entropy', {}, windows],
    ['clipped', { clipNorm: 0.1 }, windows],
    ['Adam', { optimizer: adam({ learningRate: 0.01, eps: 1e-2 }) }, windows],
    ['squares', { loss: meanSquaredError() }, squares],
  ])('four batches are one batch of all their rows: %s', async (_, options, given) => {
    const run = (batches: readonly Batch[], accumulate: number) =>
      withModel({ ...reals, device }, perStep, async (model) => {
        const before = await weights(model);
        const results = await train(model, batches, { ...options, accumulate });
        return { results, moved: (await weights(model)).map((value, i) => value - before[i]) };
      });
    const whole = await run(given.map(join), 1);
    const parts = await run(given.flat(), 4);
    expect(parts.results.map(({ index }) => index)).toEqual([1, 2, 3]);
    for (const [k, result] of parts.results.entries()) {
      close(result.loss, whole.results[k].loss);
      close(result.gradientNorm, whole.results[k].gradientNorm);
      expect(result.accuracy).toBe(whole.results[k].accuracy);
    }
    expect(relativeError(parts.moved, whole.moved)).toBeLessThan(1e-5);
  });
});

test('an epoch ends with a step of what is left; iterations are steps', async () => {
  const batches = [0, 1, 2, 3, 4].map((seed) => sequences(4, seed));
  await withModel(reals, perStep, async (model) => {
    const accumulate = 2;
    const twice = await train(model, batches, { accumulate }, { epochs: 2 });
    expect(twice.map(({ index, epoch }) => [index, epoch])).toEqual(
      [1, 2, 3, 4, 5, 6].map((index) => [index, index > 3 ? 2 : 1]),
    );
    expect(await train(model, batches, { accumulate }, { iterations: 4 })).toHaveLength(4);
    const few = await train(model, batches.slice(0, 1), { accumulate }, { iterations: 3 });
    expect(few).toHaveLength(3);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    const aborted = train(model, batches, { accumulate }, { epochs: 1, signal: stop.signal });
    await expect(aborted).rejects.toThrow('enough');
  });
});

test('a window that was left in its middle leaves no trace', async () => {
  const batches = [0, 1, 2, 3].map((seed) => sequences(4, seed));
  const broken: DataSource = {
    count: undefined,
    *batches() {
      yield batches[0];
      throw new Error('no more');
    },
  };
  const run = (breaks: boolean) =>
    withModel(reals, perStep, async (model) => {
      const optimizer = sgd({ learningRate: 0.5 });
      const trainer = model.trainer({ loss: crossEntropy(), optimizer, accumulate: 2 });
      const options = { batchSize: 4, epochs: 1, shuffle: false };
      if (breaks) await expect(trainer.run(broken, options).next()).rejects.toThrow('no more');
      for await (const _ of trainer.run(sourceOf(batches), options));
      return weights(model);
    });
  expect(await run(true)).toEqual(await run(false));
});

test('moving statistics follow each batch of a window', async () => {
  const layers = [bnLstm({ hidden: 4, maxSteps: T, statDecay: 0.7 }), linear(C)];
  const batches = [0, 1, 2, 3].map((seed) => sequences(4, seed));
  const run = (accumulate: number) =>
    withModel(reals, layers, async (model) => {
      await train(model, batches, { accumulate, optimizer: sgd({ learningRate: 0 }) });
      return model.evaluate(sourceOf(batches), { statistics: 'moving' });
    });
  const one = await run(1);
  expect(await run(2)).toEqual(one);
  expect(await run(4)).toEqual(one);
});

describe('a batch that is not finite', () => {
  const normalised = [bnLstm({ hidden: 4, maxSteps: 4 * T, statDecay: 0.9 }), linear(C)];
  const chunks = [0, 1, 2, 3, 4, 5].map((k) => {
    const { lengths: _, ...batch } = sequences(4, k);
    return { ...batch, reset: k === 0 };
  });
  const nan = ({ inputs, ...batch }: Batch): Batch => ({
    ...batch,
    inputs: (inputs as Float32Array).slice().fill(Number.NaN, 3, 4),
  });

  test.each([2, 3, 4])('batch %i makes the window one that has not happened', async (bad) => {
    const run = (withBad: boolean) =>
      withModel(reals, normalised, async (model) => {
        const optimizer = adam({ learningRate: 0.01 });
        const trainer = model.trainer({ loss: crossEntropy(), optimizer, accumulate: 3 });
        const options = { batchSize: 4, epochs: 1, shuffle: false, carryState: true };
        const results: StepResult[] = [];
        const steps = async (batches: readonly Batch[]) => {
          for await (const step of trainer.run(sourceOf(batches), options)) results.push(step);
        };
        await steps(chunks.slice(0, 2)); // a window of two
        if (withBad) {
          const before = await weights(model);
          const window = chunks.slice(2, 5).map((each, k) => (k + 2 === bad ? nan(each) : each));
          await expectError(() => steps(window), 'ERR_BNLSTM_NOT_FINITE');
          expect(await weights(model)).toEqual(before);
        }
        await steps(chunks.slice(2));
        const moving = await model.evaluate(sourceOf(chunks), {
          ...{ statistics: 'moving', carryState: true, batchSize: 4 },
        });
        const losses = results.map(({ loss, gradientNorm }) => [loss, gradientNorm]);
        return { losses, moving, values: await weights(model) };
      });
    expect(await run(true)).toEqual(await run(false));
  });

  test('random numbers do not tell whether a step was started after it', async () => {
    const random = [lstm({ hidden: 4 }), dropout(0.5), linear(C)];
    const run = (reportEvery: number) =>
      withModel(reals, random, async (model) => {
        const optimizer = sgd({ learningRate: 0.1 });
        const trainer = model.trainer({ loss: crossEntropy(), optimizer, accumulate: 2 });
        const options = { batchSize: 4, epochs: 1, shuffle: false, reportEvery };
        const bad = sourceOf([nan(chunks[0]), ...chunks.slice(1)]);
        await expectError(() => trainer.run(bad, options).next(), 'ERR_BNLSTM_NOT_FINITE');
        for await (const _ of trainer.run(sourceOf(chunks), options));
        return weights(model);
      });
    expect(await run(3)).toEqual(await run(1));
  });

  test('without carried state the step that was started after it is taken back', async () => {
    const run = (withBad: boolean) =>
      withModel(reals, normalised, async (model) => {
        const optimizer = adam({ learningRate: 0.01 });
        const trainer = model.trainer({ loss: crossEntropy(), optimizer, accumulate: 2 });
        const options = { batchSize: 4, epochs: 1, shuffle: false, reportEvery: 3 };
        const batches = chunks.slice(0, 4);
        for await (const _ of trainer.run(sourceOf(batches), options));
        if (withBad) {
          const all = [nan(chunks[0]), ...chunks.slice(1)];
          await expectError(
            () => trainer.run(sourceOf(all), options).next(),
            'ERR_BNLSTM_NOT_FINITE',
          );
        }
        const indices: number[] = [];
        for await (const { index } of trainer.run(sourceOf(batches), options)) indices.push(index);
        const moving = await model.evaluate(sourceOf(batches), { statistics: 'moving' });
        return { moving, values: await weights(model), indices };
      });
    const [bad, good] = [await run(true), await run(false)];
    expect(bad.indices).toEqual([5]);
    expect({ ...bad, indices: [4] }).toEqual(good);
  });
});

test('chunks of a window go on from each other', async () => {
  const recurrent: Layer[] = [lstm({ hidden: 5 }), lstm({ hidden: 3 }), linear(C)];
  const chunks = [0, 1, 2, 3].map((k) => {
    const { lengths: _, ...batch } = sequences(4, k);
    return { ...batch, reset: k === 0 };
  });
  const run = (accumulate: number) =>
    withModel(reals, recurrent, async (model) => {
      const optimizer = sgd({ learningRate: 0 });
      const results = await train(
        model,
        chunks,
        { accumulate, optimizer },
        { epochs: 2, carryState: true },
      );
      return results.map(({ loss }) => loss);
    });
  const single = await run(1);
  for (const accumulate of [2, 4]) {
    for (const [w, loss] of (await run(accumulate)).entries()) {
      const own = single.slice(w * accumulate, (w + 1) * accumulate);
      close(loss, own.reduce((sum, each) => sum + each, 0) / accumulate);
    }
  }
});

test('the bits do not depend on the number of threads', async () => {
  const batches = [0, 1, 2, 3].map((seed) => sequences(16, seed));
  const run = (threads: number) =>
    withModel(
      { ...reals, threads, device: 'cpu' },
      [lstm({ hidden: 64 }), linear(C)],
      async (model) => {
        await train(model, batches, { accumulate: 2 });
        return weights(model);
      },
    );
  const one = await run(1);
  expect(await run(2)).toEqual(one);
  expect(await run(3)).toEqual(one);
});

test('a bad number of batches is refused', async () => {
  await withModel(reals, perStep, async (model) => {
    for (const accumulate of [0, 1.5]) {
      const call = () =>
        model.trainer({ loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }), accumulate });
      await expectError(call, 'ERR_BNLSTM_ARGUMENT', /trainer: accumulate/);
    }
  });
});
