import { describe, expect, test } from 'vitest';
import type { Batch } from '../../lib/data/source.js';
import {
  bidirectional,
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  meanSquaredError,
  rmsprop,
  selfTest,
  sequential,
  VERSION,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { expectError, noiseBatch, noiseData, trainerOf, withModel } from './support.js';

const reals = { features: 3 };
const classifier = [bnLstm({ hidden: 5, maxSteps: 6 }), lastStep(), linear(4)];

describe('parameters', () => {
  test('names and shapes, with a leading axis for two directions only', async () => {
    await withModel(
      reals,
      [bidirectional(bnLstm({ hidden: 5, maxSteps: 6 })), ...classifier],
      async (model) => {
        const shapes = Object.fromEntries(model.parameters.map(({ name, shape }) => [name, shape]));
        expect(shapes).toEqual({
          '0.wx': [2, 3, 20],
          '0.wh': [2, 5, 20],
          '0.b': [2, 20],
          '0.gamma_x': [2, 20],
          '0.gamma_h': [2, 20],
          '0.gamma_c': [2, 5],
          '0.beta_c': [2, 5],
          '0.h0': [2, 5],
          '0.c0': [2, 5],
          '1.wx': [10, 20],
          '1.wh': [5, 20],
          '1.b': [20],
          '1.gamma_x': [20],
          '1.gamma_h': [20],
          '1.gamma_c': [5],
          '1.beta_c': [5],
          '1.h0': [5],
          '1.c0': [5],
          '3.w': [5, 4],
          '3.b': [4],
        });
        const total = model.parameters.reduce((sum, { count }) => sum + count, 0);
        expect(model.parameterCount).toBe(total);
      },
    );
  });

  test('get and set copy, and reach the next prediction', async () => {
    await withModel(reals, [lstm({ hidden: 2 }), lastStep(), linear(1)], async (model) => {
      const batch = noiseBatch({ count: 2 });
      const before = await model.predict(batch);
      for (const name of ['0.wh', '0.wx', '2.b']) {
        const values = await model.get(name);
        values[0] += 1;
        expect(await model.get(name)).not.toEqual(values);
        const written = model.set(name, values);
        values.fill(9);
        await written;
        expect((await model.get(name))[1]).not.toBe(9);
        const after = await model.predict(batch);
        expect(after.outputs, name).not.toEqual(before.outputs);
      }
    });
  });

  test('unknown names and wrong sizes', async () => {
    await withModel(reals, classifier, async (model) => {
      await expectError(() => model.get('0.w'), 'ERR_BNLSTM_ARGUMENT', /0\.wx.*got "0\.w"/);
      const short = new Float32Array(3);
      await expectError(() => model.set('0.b', short), 'ERR_BNLSTM_ARGUMENT', /20 elements/);
      await expectError(
        () => model.set('0.b', [1] as never),
        'ERR_BNLSTM_ARGUMENT',
        /Float32Array/,
      );
    });
  });
});

test.each([
  [{}, /features, vocabulary.*neither/],
  [{ features: 1, vocabulary: 2 }, /both/],
  [{ features: 0 }, /features/],
  [{ vocabulary: 1.5 }, /vocabulary/],
  [{ features: 1, seed: -1 }, /seed/],
  [{ features: 1, threads: 0 }, /threads/],
  [{ features: 1, device: 3 }, /device/],
  [{ features: 1, devise: 'cpu' }, /devise/],
])('sequential refuses %o', async (options, message) => {
  await expectError(
    () => sequential(options as never, [lastStep()]),
    'ERR_BNLSTM_ARGUMENT',
    message,
  );
});

test('a device that is not there', async () => {
  const make = () => sequential({ features: 1, device: 'abacus' }, classifier);
  await expect(make()).rejects.toMatchObject({ code: 'ERR_BNLSTM_DEVICE' });
});

describe('a batch that does not fit is refused by name', () => {
  const good = noiseBatch({ count: 4 });
  const targets = good.targets as Int32Array;
  const cases: [string, Batch, RegExp][] = [
    ['an unknown key', { ...good, length: good.lengths } as never, /batch.*got length/],
    ['size', { ...good, size: 0 }, /size/],
    ['inputs of another size', { ...good, steps: 5 }, /inputs.*60 elements.*Float32Array\(72\)/],
    ['inputs of another type', { ...good, inputs: new Int32Array(72) }, /inputs.*Float32Array/],
    ['no targets', { ...good, targets: undefined }, /targets.*Int32Array of 4/],
    ['targets of another size', { ...good, targets: new Int32Array(24) }, /targets.*of 4/],
    ['an unknown class', { ...good, targets: targets.with(2, 4) }, /targets\[2\].*0 to 3, got 4/],
    ['a negative class', { ...good, targets: targets.with(0, -1) }, /targets\[0\]/],
    ['a length of 0', { ...good, lengths: Int32Array.of(6, 0, 6, 6) }, /lengths\[1\].*1 to 6/],
    ['too long', { ...good, lengths: Int32Array.of(6, 6, 6, 7) }, /lengths\[3\]/],
    ['lengths of another size', { ...good, lengths: Int32Array.of(6) }, /lengths.*4 elements/],
    ['a mask of another size', { ...good, mask: new Float32Array(24) }, /mask.*4 elements/],
  ];
  test.each(cases)('%s', async (_, batch, message) => {
    await withModel(reals, classifier, async (model) => {
      await expectError(() => trainerOf(model).step(batch), 'ERR_BNLSTM_ARGUMENT', message);
      await trainerOf(model).step(good);
    });
  });

  test('token ids', async () => {
    await withModel({ vocabulary: 3 }, classifier, async (model) => {
      const predict = (...ids: number[]) =>
        model.predict({ inputs: Int32Array.from(ids), size: 2, steps: 2 }, { statistics: 'batch' });
      await predict(0, 1, 2, 2);
      await expectError(
        () => predict(0, 1, 3, 0),
        'ERR_BNLSTM_ARGUMENT',
        /inputs\[2\].*0 to 2, got 3/,
      );
      await expectError(() => predict(0, -1, 0, 0), 'ERR_BNLSTM_ARGUMENT', /inputs\[1\]/);
      const floats = () => model.predict({ inputs: new Float32Array(4), size: 2, steps: 2 });
      await expectError(floats, 'ERR_BNLSTM_STATISTICS_MISSING');
      await model.estimateStatistics({
        count: 2,
        batches: () => [{ inputs: Int32Array.of(0, 1, 2, 2), size: 2, steps: 2 }],
      });
      await expectError(floats, 'ERR_BNLSTM_ARGUMENT', /inputs.*Int32Array/);
    });
  });

  test('padding that is data must be finite', async () => {
    const all = bnLstm({ hidden: 3, maxSteps: 6, lengthStatistics: 'all' });
    await withModel(reals, [all, lastStep(), linear(4)], async (model) => {
      const batch = noiseBatch({ count: 4, lengths: Int32Array.of(6, 6, 6, 3) });
      batch.inputs[71] = Number.POSITIVE_INFINITY;
      await expectError(
        () => trainerOf(model).step(batch),
        'ERR_BNLSTM_ARGUMENT',
        /inputs\[71\].*finite/,
      );
    });
  });

  test('a wrong loss for the targets', async () => {
    await withModel(reals, classifier, async (model) => {
      const optimizer = rmsprop({ learningRate: 1 });
      const trainer = model.trainer({ loss: meanSquaredError(), optimizer });
      await expectError(
        () => trainer.step(good),
        'ERR_BNLSTM_ARGUMENT',
        /targets.*Float32Array of 16/,
      );
    });
  });
});

describe('dispose', () => {
  test('is idempotent, frees everything, and every method says so', async () => {
    const before = native().counts();
    const model = await sequential(reals, classifier);
    const trainer = trainerOf(model);
    const data = noiseData({ count: 8 });
    await trainer.step(noiseBatch({ count: 8 }));
    await model.estimateStatistics(data);
    await Promise.all([model.dispose(), model.dispose()]);
    await model[Symbol.asyncDispose]();
    expect(native().counts()).toEqual(before);
    const calls: (() => unknown)[] = [
      () => model.trainer({ loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1 }) }),
      () => model.evaluate(data),
      () => model.estimateStatistics(data),
      () => model.predict(noiseBatch({ count: 2 })),
      () => model.profile(noiseBatch({ count: 2 })),
      () => model.get('0.b'),
      () => model.set('0.b', new Float32Array(20)),
      () => model.statistics(),
      () => model.save('never'),
      () => model.selfTest(),
      () => model.summary(),
      () => trainer.step(noiseBatch({ count: 8 })),
      () => trainer.profile(noiseBatch({ count: 8 })),
      () => trainer.run(data, { batchSize: 4, epochs: 1 }),
    ];
    for (const call of calls) await expectError(call, 'ERR_BNLSTM_DISPOSED');
    trainer.dispose();
  });

  test('in the middle of work: it rejects, and loops end', async () => {
    const model = await sequential(reals, classifier);
    const data = noiseData({ count: 400 });
    // Several batches each: they cannot be through before the next line runs.
    const work = [model.evaluate(data, { statistics: 'batch' }), model.estimateStatistics(data)];
    // These may be, if the machine is busy elsewhere.
    const short = [trainerOf(model).step(noiseBatch({ count: 200 })), model.get('0.b')];
    await model.dispose();
    const disposed = { status: 'rejected', reason: { code: 'ERR_BNLSTM_DISPOSED' } };
    for (const result of await Promise.allSettled(work)) expect(result).toMatchObject(disposed);
    for (const result of await Promise.allSettled(short)) {
      if (result.status === 'rejected') expect(result).toMatchObject(disposed);
    }
  });

  test('within a training loop', async () => {
    const model = await sequential(reals, classifier);
    const run = trainerOf(model).run(noiseData({ count: 40 }), { batchSize: 4, epochs: 9 });
    await run.next();
    await model.dispose();
    await expectError(() => run.next(), 'ERR_BNLSTM_DISPOSED');
  });

  test('a model that could not be built leaves nothing', async () => {
    const before = native().counts();
    await expectError(
      () => sequential(reals, [linear(3), lastStep(), lastStep()]),
      'ERR_BNLSTM_ARGUMENT',
    );
    expect(native().counts()).toEqual(before);
  });
});

test('two models at once do not disturb each other', async () => {
  const run = (other: boolean) =>
    withModel(reals, classifier, async (model) => {
      const train = async (m: typeof model) => {
        const losses: number[] = [];
        for await (const { loss } of trainerOf(m).run(noiseData({ count: 40 }), {
          batchSize: 8,
          epochs: 2,
        })) {
          losses.push(loss);
        }
        return losses;
      };
      if (!other) return train(model);
      return withModel({ features: 3, seed: 9 }, classifier, async (second) => {
        const [losses] = await Promise.all([train(model), train(second)]);
        return losses;
      });
    });
  expect(await run(true)).toEqual(await run(false));
});

test('selfTest compares the device with the reference', async () => {
  const result = await selfTest();
  expect(result.ok).toBe(true);
  expect(result.device).toMatch(/^cpu/);
  const names = result.tensors.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['y', 'hT', 'cT', 'cellVar', 'dwx', 'dwh', 'dx', 'dh0']),
  );
  for (const { error, tolerance } of result.tensors) expect(error).toBeLessThanOrEqual(tolerance);
  await expectError(
    () => selfTest({ device: 'cpu', seed: 1 } as never),
    'ERR_BNLSTM_ARGUMENT',
    /seed/,
  );
  await withModel(reals, classifier, async (model) => {
    expect((await model.selfTest()).ok).toBe(true);
  });
});

test('VERSION', () => {
  expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
});
