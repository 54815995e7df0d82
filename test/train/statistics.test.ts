import { describe, expect, test } from 'vitest';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  type BnLstmOptions,
  bidirectional,
  bnLstm,
  lastStep,
  linear,
  lstm,
  type Model,
} from '../../lib/index.js';
import { statisticsNames } from '../../lib/ops/statistics.js';
import { forward } from '../../lib/reference/bn_lstm.js';
import { averageStatistics, poolStatistics, repeatLast } from '../../lib/reference/statistics.js';
import { expectError, noiseBatch, noiseData, trainerOf, withModel } from '../model/support.js';

const [D, H, maxSteps] = [3, 5, 6];
const reals = { features: D, seed: 5 };
const layersOf = (options: Partial<BnLstmOptions> = {}) => [
  bnLstm({ hidden: H, maxSteps, gammaInit: 0.5, ...options }),
  lastStep(),
  linear(4),
];
const sourceOf = (batches: Batch[]): DataSource => ({
  count: batches.reduce((sum, { size }) => sum + size, 0),
  batches: () => batches,
});

/** The statistics of one batch by the float64 reference, on the model's own parameters. */
async function referenceStatistics(
  model: Model,
  batch: Batch,
  options: Partial<BnLstmOptions> = {},
) {
  const { size: B, steps: T, lengths } = batch;
  const get = async (name: string) => Float64Array.from(await model.get(`0.${name}`));
  const parameters = {
    wx: await get('wx'),
    wh: await get('wh'),
    b: await get('b'),
    gammaX: await get('gamma_x'),
    gammaH: await get('gamma_h'),
    gammaC: await get('gamma_c'),
    betaC: await get('beta_c'),
  };
  const x = new Float64Array(T * B * D); // time-major
  for (let n = 0; n < B; n++) {
    for (let t = 0; t < T; t++) {
      const from = (n * T + t) * D;
      x.set(batch.inputs.subarray(from, from + D), (t * B + n) * D);
    }
  }
  const { inputStatistics, lengthStatistics, eps } = options;
  return forward(parameters, x, await get('h0'), await get('c0'), {
    ...{ T, B, D, H },
    ...(inputStatistics && { inputStatistics }),
    ...(lengthStatistics && { lengthStatistics }),
    ...(eps && { eps }),
    ...(lengths && { lengths }),
  });
}

async function expectTables(
  model: Model,
  expected: Readonly<Record<(typeof statisticsNames)[number], Float64Array>>,
) {
  const { status, layers } = await model.statistics();
  expect(status).toBe('fresh');
  for (const name of statisticsNames) {
    const actual = layers[0][name];
    expect([name, actual.length]).toEqual([name, expected[name].length]);
    const error = Math.max(...actual.map((value, i) => Math.abs(value - expected[name][i])));
    expect(error, name).toBeLessThan(1e-5);
  }
}

describe('one pass gives the reference’s estimate', () => {
  test('equal weight for every batch, the smaller last one too', async () => {
    await withModel(reals, layersOf(), async (model) => {
      const batches = [5, 5, 3].map((count, seed) => noiseBatch({ count, seed }));
      const estimate = await model.estimateStatistics(sourceOf(batches));
      expect(estimate).toEqual({ batches: 3, sequences: 13 });
      const each = await Promise.all(batches.map((batch) => referenceStatistics(model, batch)));
      await expectTables(
        model,
        averageStatistics(
          each.map(({ statistics }) => statistics),
          H,
        ),
      );
    });
  });

  test('shorter batches repeat their last step, longer ones end at maxSteps', async () => {
    await withModel(reals, layersOf(), async (model) => {
      const batches = [2, 6, 9].map((steps) => noiseBatch({ count: 7, steps }));
      await model.estimateStatistics(sourceOf(batches));
      const each = await Promise.all(batches.map((batch) => referenceStatistics(model, batch)));
      const tables = each.map(({ statistics }) => repeatLast(statistics, H, maxSteps));
      await expectTables(model, averageStatistics(tables, H));
    });
  });

  const lengths = [Int32Array.of(6, 5, 5, 4, 2), Int32Array.of(4, 4, 2, 1, 1)];
  const uneven = lengths.map((rows, seed) => noiseBatch({ count: 5, seed, lengths: rows }));

  test.each(['step', 'sequence'] as const)(
    'rows weigh where batches carry lengths (%s)',
    async (inputStatistics) => {
      const options = { inputStatistics, eps: 0.1 };
      await withModel(reals, layersOf(options), async (model) => {
        const batches = uneven.map((batch) => ({ ...batch, inputs: batch.inputs.slice() }));
        for (const { inputs, lengths: rows = [], steps } of batches) {
          for (const [n, length] of [...rows].entries()) {
            inputs.fill(Number.NaN, (n * steps + length) * D, (n + 1) * steps * D);
          }
        }
        await model.estimateStatistics(sourceOf(batches));
        const each = await Promise.all(
          uneven.map((batch) => referenceStatistics(model, batch, options)),
        );
        await expectTables(model, poolStatistics(each, H));
      });
    },
  );

  test('batches weigh where padding is data', async () => {
    const options = { lengthStatistics: 'all' } as const;
    await withModel(reals, layersOf(options), async (model) => {
      await model.estimateStatistics(sourceOf(uneven));
      const each = await Promise.all(
        uneven.map((batch) => referenceStatistics(model, batch, options)),
      );
      await expectTables(
        model,
        averageStatistics(
          each.map(({ statistics }) => statistics),
          H,
        ),
      );
    });
  });
});

describe('status', () => {
  const data = noiseData({ count: 12 });

  test('missing, fresh, stale, fresh', async () => {
    await withModel(reals, layersOf(), async (model) => {
      const status = async () => (await model.statistics()).status;
      const evaluate = () => model.evaluate(data);
      const predict = () => model.predict(noiseBatch({ count: 2 }));
      expect(await status()).toBe('missing');
      await expectError(evaluate, 'ERR_BNLSTM_STATISTICS_MISSING', /estimateStatistics/);
      await expectError(
        () => model.evaluate(data, { allowStale: true }),
        'ERR_BNLSTM_STATISTICS_MISSING',
      );
      await model.evaluate(data, { statistics: 'batch' });

      await model.estimateStatistics(data);
      expect(await status()).toBe('fresh');
      await evaluate();
      await predict();

      await trainerOf(model).step(noiseBatch({ count: 4 }));
      expect(await status()).toBe('stale');
      await expectError(evaluate, 'ERR_BNLSTM_STATISTICS_STALE', /allowStale/);
      await expectError(predict, 'ERR_BNLSTM_STATISTICS_STALE', /allowStale/);
      await model.evaluate(data, { allowStale: true });

      await model.estimateStatistics(data);
      expect(await status()).toBe('fresh');
      await model.set('2.b', new Float32Array(4));
      expect(await status()).toBe('stale');
    });
  });

  test('weights that change during the pass make it stale', async () => {
    await withModel(reals, layersOf(), async (model) => {
      const source: DataSource = {
        count: 8,
        async *batches() {
          yield noiseBatch({ count: 4 });
          await model.set('2.b', new Float32Array(4));
          yield noiseBatch({ count: 4 });
        },
      };
      await model.estimateStatistics(source);
      expect((await model.statistics()).status).toBe('stale');
    });
  });

  test('a pass that fails or is aborted leaves the old statistics', async () => {
    await withModel(reals, layersOf(), async (model) => {
      await model.estimateStatistics(data);
      const before = await model.statistics();
      const controller = new AbortController();
      const failing: DataSource = {
        count: 8,
        *batches() {
          yield noiseBatch({ count: 4, seed: 9 });
          throw new Error('disk on fire');
        },
      };
      const aborting: DataSource = {
        count: 12,
        *batches() {
          yield noiseBatch({ count: 4, seed: 9 });
          controller.abort(new Error('enough'));
          yield noiseBatch({ count: 4, seed: 9 });
        },
      };
      const nan = noiseBatch({ count: 4 });
      nan.inputs[3] = Number.NaN;
      await expect(model.estimateStatistics(failing)).rejects.toThrow('disk on fire');
      const { signal } = controller;
      await expect(model.estimateStatistics(aborting, { signal })).rejects.toThrow('enough');
      await expectError(() => model.estimateStatistics(sourceOf([nan])), 'ERR_BNLSTM_NOT_FINITE');
      expect(await model.statistics()).toEqual(before);
    });
  });
});

test('stacked layers are estimated in the same pass', async () => {
  const layers = [
    bnLstm({ hidden: 4, maxSteps: 6 }),
    bidirectional(bnLstm({ hidden: 3, maxSteps: 4, inputStatistics: 'sequence' })),
    lastStep(),
    linear(4),
  ];
  await withModel(reals, layers, async (model) => {
    await model.estimateStatistics(noiseData({ count: 20 }), { batchSize: 10 });
    const { layers: tables } = await model.statistics();
    expect(tables.map(({ layer, maxSteps: steps }) => [layer, steps])).toEqual([
      [0, 6],
      [1, 4],
    ]);
    expect(tables[1].recurrentVar.length).toBe(2 * 4 * 12);
    expect(tables[1].inputVar.length).toBe(2 * 12);
    for (const { cellVar } of tables) expect(Math.min(...cellVar)).toBeGreaterThan(0);
    expect(await model.evaluate(noiseData({ count: 20 }))).toMatchObject({ count: 20 });
  });
});

test('population statistics of one batch give what its own statistics give', async () => {
  await withModel(reals, layersOf(), async (model) => {
    const data = noiseData({ count: 30, steps: 6 });
    await model.estimateStatistics(data);
    const population = await model.evaluate(data);
    const batch = await model.evaluate(data, { statistics: 'batch' });
    expect(population.loss).toBeCloseTo(batch.loss, 5);
  });
});

test('initial noise is drawn with batch statistics, never with population statistics', async () => {
  const run = (initialNoise: number) =>
    withModel(reals, layersOf({ initialNoise }), async (model) => {
      const data = noiseData({ count: 10 });
      await model.estimateStatistics(data);
      const recurrent = (await model.statistics()).layers[0].recurrentVar;
      const batch = () => model.evaluate(data, { statistics: 'batch' });
      expect(await batch()).toEqual(await batch());
      return { first: recurrent[0], loss: (await batch()).loss };
    });
  const still = await run(0);
  const noisy = await run(0.1);
  expect(still.first).toBe(0);
  expect(noisy.first).toBeGreaterThan(0);
  expect(noisy.loss).not.toBe(still.loss);
});

describe('moving statistics', () => {
  test('follow training, and are used on request', async () => {
    await withModel(reals, layersOf({ statDecay: 0.5 }), async (model) => {
      const trainer = trainerOf(model, 0);
      const data = noiseData({ count: 10 });
      const moving = async () => (await model.evaluate(data, { statistics: 'moving' })).loss;
      const { loss } = await model.evaluate(data, { statistics: 'batch' });
      const before = await moving();
      // Weights stay: the moving statistics go to those of the one batch.
      for (let i = 0; i < 40; i++) await trainer.step(noiseBatch({ count: 10 }));
      expect(await moving()).toBeCloseTo(loss, 5);
      expect(before).not.toBeCloseTo(loss, 5);
    });
  });

  test('need statDecay in every layer', async () => {
    const layers = [bnLstm({ hidden: 3, maxSteps, statDecay: 0.9 }), ...layersOf()];
    await withModel(reals, layers, async (model) => {
      const evaluate = () => model.evaluate(noiseData({ count: 4 }), { statistics: 'moving' });
      await expectError(evaluate, 'ERR_BNLSTM_ARGUMENT', /statDecay.*layer 1/);
    });
  });
});

test('a single row that is left over goes to the batch before it; single rows alone are refused', async () => {
  await withModel(reals, layersOf(), async (model) => {
    const estimate = (count: number, options = {}) =>
      model.estimateStatistics(noiseData({ count }), options);
    expect(await estimate(9, { batchSize: 4 })).toEqual({ batches: 2, sequences: 9 });
    expect(await estimate(9, { batchSize: 4, limit: 5 })).toEqual({ batches: 1, sequences: 5 });
    expect(await estimate(10, { batchSize: 4 })).toEqual({ batches: 3, sequences: 10 });
    await expectError(() => estimate(1), 'ERR_BNLSTM_BATCH_OF_ONE');
    await expectError(() => estimate(4, { batchSize: 1 }), 'ERR_BNLSTM_BATCH_OF_ONE');
    const evaluate = (count: number) =>
      model.evaluate(noiseData({ count }), { statistics: 'batch', batchSize: 4 });
    expect(await evaluate(5)).toMatchObject({ count: 5 });
    await expectError(() => evaluate(1), 'ERR_BNLSTM_BATCH_OF_ONE', /^batch 1: /);
  });
});

test('lengths in some batches only are refused', async () => {
  await withModel(reals, layersOf(), async (model) => {
    const lengths = Int32Array.of(6, 6, 6);
    const batches = [noiseBatch({ count: 3 }), noiseBatch({ count: 3, lengths })];
    const estimate = () => model.estimateStatistics(sourceOf(batches));
    await expectError(estimate, 'ERR_BNLSTM_ARGUMENT', /lengths.*all batches or in none/);
    await expectError(() => model.estimateStatistics(sourceOf([])), 'ERR_BNLSTM_ARGUMENT', /batch/);
  });
});

test('a model without normalisation needs none', async () => {
  await withModel(reals, [lstm({ hidden: 3 }), lastStep(), linear(4)], async (model) => {
    const data = noiseData({ count: 4 });
    expect(await model.estimateStatistics(data)).toEqual({ batches: 0, sequences: 0 });
    expect((await model.statistics()).layers).toEqual([]);
    const { loss } = await model.evaluate(data);
    for (const statistics of ['batch', 'moving'] as const) {
      expect((await model.evaluate(data, { statistics, batchSize: 1 })).loss).toBeCloseTo(loss, 6);
    }
  });
});
