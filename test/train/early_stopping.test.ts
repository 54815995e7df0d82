import { describe, expect, test } from 'vitest';
import {
  adam,
  bnLstm,
  crossEntropy,
  type DataSource,
  type FitOptions,
  lastStep,
  linear,
  type Model,
  meanSquaredError,
  plateau,
  rmsprop,
} from '../../lib/index.js';
import { expectError, noiseBatch, noiseData, weights, withModel } from '../model/support.js';
import { type Training, trainAnew } from './fit_support.js';

describe('early stopping', () => {
  /** Validation results in an order of our own: by data that differ. */
  const noise = noiseData({ count: 40, classes: 4 });
  const overfitting: Training = {
    model: { features: 3, seed: 5 },
    layers: [bnLstm({ hidden: 16, maxSteps: 6 }), lastStep(), linear(4)],
    trainer: () => ({ loss: crossEntropy(), optimizer: rmsprop({ learningRate: 2e-2 }) }),
    data: () => noise,
    options: {
      batchSize: 10,
      epochs: 40,
      validation: { data: noiseData({ count: 40, seed: 9 }) },
      earlyStopping: { patience: 3 },
    },
  };

  test('ends after `patience` validations that were no better, with the best weights', async () => {
    const whole = await trainAnew({
      ...overfitting,
      options: { ...overfitting.options, earlyStopping: undefined },
    });
    const losses = whole.records.flatMap((r) => (r.type === 'validation' ? [r.loss] : []));
    const best = losses.findIndex(
      (loss, i) =>
        losses.slice(i + 1, i + 4).every((l) => l >= loss) &&
        losses.slice(0, i).every((l) => l > loss),
    );
    expect(best).toBeGreaterThanOrEqual(0); // it does overfit
    let after: Float32Array = new Float32Array();
    const { result, records } = await trainAnew(overfitting, {}, async (model) => {
      after = await weights(model);
      const { loss } = await model.evaluate(noiseData({ count: 40, seed: 9 }), {
        batchSize: 10,
        statistics: 'batch',
      });
      expect(loss).toBe(losses[best]);
    });
    expect(result).toMatchObject({
      stoppedBy: 'early-stopping',
      index: 4 * (best + 1 + 3),
      best: { index: 4 * (best + 1), loss: losses[best] },
    });
    expect(records.at(-1)).toMatchObject({ type: 'end', stoppedBy: 'early-stopping' });
    const upToBest = { ...overfitting.options, epochs: best + 1, earlyStopping: undefined };
    await trainAnew({ ...overfitting, options: upToBest }, {}, async (model) => {
      expect(after).toEqual(await weights(model));
    });
  });

  test('restores them however training ends, with their statistics', async () => {
    const check = async (model: Model, best: { readonly loss: number }) => {
      const { loss } = await model.evaluate(noiseData({ count: 40, seed: 9 }), { batchSize: 10 });
      expect(loss).toBe(best.loss); // population statistics of then, and not stale
    };
    const options: FitOptions = {
      ...overfitting.options,
      validation: { data: noiseData({ count: 40, seed: 9 }), statistics: 'population' },
      earlyStopping: { patience: 30 },
      epochs: 30,
    };
    await withModel(overfitting.model, overfitting.layers, async (model) => {
      const trainer = model.trainer(overfitting.trainer());
      const { best, stoppedBy, index } = await trainer.fit(noise, options);
      expect(stoppedBy).toBe('finished');
      expect(best?.index).toBeLessThan(index);
      await check(model, best as { loss: number });
    });
    await withModel(overfitting.model, overfitting.layers, async (model) => {
      const controller = new AbortController();
      const { best, stoppedBy } = await model.trainer(overfitting.trainer()).fit(noise, {
        ...options,
        signal: controller.signal,
        onRecord: (record) => {
          if (record.type === 'step' && record.index === 99) controller.abort();
        },
      });
      expect(stoppedBy).toBe('aborted');
      await check(model, best as { loss: number });
    });
    await withModel(overfitting.model, overfitting.layers, async (model) => {
      let best = { loss: Number.NaN };
      const failing = model.trainer(overfitting.trainer()).fit(noise, {
        ...options,
        onRecord: (record) => {
          if (record.type === 'validation' && record.best) best = record;
          if (record.type === 'step' && record.index === 99) throw new Error('disk on fire');
        },
      });
      await expect(failing).rejects.toThrow('disk on fire');
      await check(model, best);
    });
  });

  test('accuracy can be monitored, where there is one', async () => {
    const { result, records } = await trainAnew(overfitting, {
      earlyStopping: { monitor: 'accuracy', patience: 2, minDelta: 0.01 },
    });
    const accuracies = records.flatMap((r) => (r.type === 'validation' ? [r.accuracy ?? NaN] : []));
    expect(result.stoppedBy).toBe('early-stopping');
    expect(result.best?.accuracy).toBe(Math.max(...accuracies.slice(0, -2)));
    const reals: Training = {
      ...overfitting,
      trainer: () => ({ loss: meanSquaredError(), optimizer: adam({ learningRate: 1e-3 }) }),
      data: () => realData,
    };
    const options = { monitor: 'accuracy', patience: 2 } as const;
    await expectError(
      () => trainAnew(reals, { earlyStopping: options, validation: { data: realData } }),
      'ERR_BNLSTM_ARGUMENT',
      /earlyStopping.monitor: expected 'loss'/,
    );
  });

  const realData: DataSource = {
    count: 20,
    batches: () => {
      const batch = noiseBatch({ count: 20 });
      return [{ ...batch, targets: new Float32Array(20 * 4).fill(0.5) }];
    },
  };

  test('a plateau lowers the learning rate', async () => {
    const { records } = await trainAnew({
      ...overfitting,
      trainer: () => ({
        loss: crossEntropy(),
        optimizer: rmsprop({
          learningRate: plateau({ learningRate: 2e-2, factor: 0.5, patience: 2 }),
        }),
      }),
      options: { ...overfitting.options, earlyStopping: undefined, epochs: 20 },
    });
    const rates = new Set(records.flatMap((r) => (r.type === 'step' ? [r.learningRate] : [])));
    expect(rates.size).toBeGreaterThan(2);
    const [first, second] = rates;
    expect(second).toBe(first / 2);
  });
});
