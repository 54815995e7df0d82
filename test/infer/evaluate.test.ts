import { expect, test } from 'vitest';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  crossEntropy,
  lastStep,
  linear,
  lstm,
  meanSquaredError,
  rmsprop,
} from '../../lib/index.js';
import { expectError, noiseBatch, noiseData, normals, withModel } from '../model/support.js';

const reals = { features: 3 };
const classifier = [lstm({ hidden: 5 }), lastStep(), linear(4)];

/** Softmax cross-entropy and hits of logits [n][C], in float64. */
function expected(logits: Float32Array, targets: Int32Array, C: number) {
  let loss = 0;
  let right = 0;
  for (const [n, target] of targets.entries()) {
    const row = [...logits.subarray(n * C, (n + 1) * C)];
    loss += Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[target];
    right += row.indexOf(Math.max(...row)) === target ? 1 : 0;
  }
  return { loss: loss / targets.length, accuracy: right / targets.length };
}

test('every target weighs the same, whatever its batch', async () => {
  await withModel(reals, classifier, async (model) => {
    const batch = noiseBatch({ count: 23 });
    const { outputs } = await model.predict(batch);
    const { loss, accuracy } = expected(outputs, batch.targets as Int32Array, 4);
    for (const batchSize of [23, 5, 1, 100]) {
      const result = await model.evaluate(noiseData({ count: 23 }), { batchSize });
      expect(result.loss).toBeCloseTo(loss, 5);
      expect(result.accuracy).toBeCloseTo(accuracy, 12);
      expect([result.count, result.degenerateSteps]).toEqual([23, 0]);
    }
    const limited = await model.evaluate(noiseData({ count: 23 }), { batchSize: 4, limit: 10 });
    expect(limited.count).toBe(10);
  });
});

test('with targets per step, those in padding and those masked do not count', async () => {
  await withModel(reals, [lstm({ hidden: 5 }), linear(4)], async (model) => {
    const [count, steps] = [4, 6];
    const targets = Int32Array.from({ length: count * steps }, (_, i) => i % 4);
    const lengths = Int32Array.of(6, 3, 1, 5);
    const mask = new Float32Array(count * steps).fill(1);
    mask[0] = 0;
    const batch: Batch = { ...noiseBatch({ count, steps }), targets, lengths, mask };
    const { outputs, shape } = await model.predict(batch);
    expect(shape).toEqual([4, 6, 4]);
    const rows: number[] = [];
    for (let n = 0; n < count; n++) {
      for (let t = 0; t < lengths[n]; t++) if (mask[n * steps + t] !== 0) rows.push(n * steps + t);
    }
    const logits = Float32Array.from(
      rows.flatMap((row) => [...outputs.slice(row * 4, row * 4 + 4)]),
    );
    const { loss, accuracy } = expected(
      logits,
      Int32Array.from(rows, (row) => targets[row]),
      4,
    );
    const result = await model.evaluate({ count, batches: () => [batch] });
    expect(result.count).toBe(14);
    expect(result.loss).toBeCloseTo(loss, 5);
    expect(result.accuracy).toBeCloseTo(accuracy, 12);
  });
});

test('the loss is the trainer’s, the given one, or told by the targets', async () => {
  await withModel(reals, classifier, async (model) => {
    const classes = noiseData({ count: 6 });
    const batch = { ...noiseBatch({ count: 6 }), targets: normals(24, 2) };
    const values: DataSource = { count: 6, batches: () => [batch] };
    expect((await model.evaluate(classes)).accuracy).toBeTypeOf('number');
    const { loss, accuracy } = await model.evaluate(values);
    expect(accuracy).toBeUndefined();
    const { outputs } = await model.predict(batch);
    const squares = outputs.map((value, i) => (value - batch.targets[i]) ** 2);
    expect(loss).toBeCloseTo(squares.reduce((sum, square) => sum + square, 0) / 24, 5);

    model.trainer({ loss: meanSquaredError(), optimizer: rmsprop({ learningRate: 1 }) });
    await expectError(
      () => model.evaluate(classes),
      'ERR_BNLSTM_ARGUMENT',
      /targets.*Float32Array of 24/,
    );
    const given = await model.evaluate(classes, { loss: crossEntropy() });
    expect(given.accuracy).toBeTypeOf('number');
  });
});

test('arguments, signals and failing data', async () => {
  await withModel(reals, classifier, async (model) => {
    const data = noiseData({ count: 6 });
    const evaluate = (options: object) => () => model.evaluate(data, options as never);
    await expectError(evaluate({ batch: 1 }), 'ERR_BNLSTM_ARGUMENT', /batchSize.*got batch/);
    await expectError(evaluate({ statistics: 'all' }), 'ERR_BNLSTM_ARGUMENT', /statistics/);
    await expectError(evaluate({ limit: 0 }), 'ERR_BNLSTM_ARGUMENT', /limit/);
    await expectError(evaluate({ loss: 'mse' }), 'ERR_BNLSTM_ARGUMENT', /loss/);
    await expectError(() => model.evaluate({} as never), 'ERR_BNLSTM_ARGUMENT', /evaluate: data/);
    const none = { ...noiseBatch({ count: 6 }), targets: undefined };
    const without: DataSource = { count: 6, batches: () => [none] };
    await expectError(() => model.evaluate(without), 'ERR_BNLSTM_ARGUMENT', /targets/);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(model.evaluate(data, { signal })).rejects.toThrow('enough');
    const failing: DataSource = {
      count: 6,
      // biome-ignore lint/correctness/useYield: it fails at once
      *batches() {
        throw new Error('disk on fire');
      },
    };
    await expect(model.evaluate(failing)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_DATA',
      message: 'batch 1: disk on fire',
      cause: expect.objectContaining({ message: 'disk on fire' }),
    });
    const good = noiseBatch({ count: 6 });
    const wrong = { ...good, targets: new Int32Array(6).fill(4) };
    const second: DataSource = { count: 12, batches: () => [good, wrong] };
    await expectError(
      () => model.evaluate(second, { statistics: 'batch' }),
      'ERR_BNLSTM_ARGUMENT',
      /^batch 2: targets\[0\]: expected a class from 0 to 3, got 4/,
    );
  });
});
