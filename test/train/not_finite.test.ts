import { describe, expect, test } from 'vitest';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  bnLstm,
  crossEntropy,
  dropout,
  lastStep,
  linear,
  lstm,
  type Model,
  NotFiniteError,
  rmsprop,
  type StepResult,
  type TrainerOptions,
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
const classifier = [bnLstm({ hidden: 8, maxSteps: 6, statDecay: 0.9 }), lastStep(), linear(4)];
const data = noiseData({ count: 22 });

const bad = { ...noiseBatch({ count: 5 }), inputs: normals(5 * 6 * 3, 1).fill(Number.NaN, 7, 8) };
const good = noiseBatch({ count: 5 });

/** The same batches in every epoch. */
const source = (batches: readonly Batch[]): DataSource => ({
  count: 5 * batches.length,
  batches: () => batches,
});

const trainerThat = (model: Model, options: Pick<TrainerOptions, 'onNaN' | 'maxSkips'>) =>
  model.trainer({ loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1e-2 }), ...options });

describe('a step that is not finite', () => {
  test('throws and changes nothing', async () => {
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerOf(model);
      await trainer.step(good);
      await model.estimateStatistics(data);
      const before = await weights(model);
      const moving = await model.evaluate(data, { statistics: 'moving' });
      let error: unknown;
      await trainer.step(bad).catch((thrown) => {
        error = thrown;
      });
      expect(error).toBeInstanceOf(NotFiniteError);
      const { code, step, loss, gradientNorm, history, message } = error as NotFiniteError;
      expect([code, step, history.length]).toEqual(['ERR_BNLSTM_NOT_FINITE', 2, 1]);
      expect(Number.isFinite(loss + gradientNorm)).toBe(false);
      expect(message).toMatch(/step 2: .*first not finite: inputs\[7\] of the batch/);
      expect(await weights(model)).toEqual(before);
      expect((await model.statistics()).status).toBe('fresh');
      expect(await model.evaluate(data, { statistics: 'moving' })).toEqual(moving);
    });
  });

  test('training can go on as if it had not been', async () => {
    const run = (withBad: boolean) =>
      withModel(reals, classifier, async (model) => {
        const trainer = trainerOf(model);
        await trainer.step(good);
        if (withBad) await expectError(() => trainer.step(bad), 'ERR_BNLSTM_NOT_FINITE');
        const { index } = await trainer.step(good);
        expect(index).toBe(withBad ? 3 : 2);
        return weights(model);
      });
    expect(await run(true)).toEqual(await run(false));
  });

  test('is looked at as it was, though its source has used its arrays again', async () => {
    await withModel(reals, classifier, async (model) => {
      const inputs = new Float32Array(5 * 6 * 3);
      const reusing: DataSource = {
        count: 15,
        *batches() {
          for (const batch of [good, bad, good]) {
            inputs.set(batch.inputs);
            yield { ...batch, inputs };
          }
        },
      };
      const run = trainerOf(model).run(reusing, { batchSize: 5, epochs: 1 });
      await run.next();
      await expectError(() => run.next(), 'ERR_BNLSTM_NOT_FINITE', /first not finite: inputs\[7\]/);
    });
  });

  test('its index is exact within a longer turn', async () => {
    await withModel(reals, classifier, async (model) => {
      const data = source([good, good, good, bad, good, good]);
      const run = trainerOf(model).run(data, { batchSize: 5, epochs: 1, reportEvery: 6 });
      expect((await run.next()).value).toMatchObject({ index: 3, steps: 3 });
      await expect(run.next()).rejects.toMatchObject({ code: 'ERR_BNLSTM_NOT_FINITE', step: 4 });
      expect(await run.next()).toMatchObject({ done: true });
    });
  });

  test('within a longer turn, what was started after it was never tried', async () => {
    const noisy = [bnLstm({ hidden: 4, maxSteps: 6 }), lastStep(), dropout(0.3), linear(4)];
    const outcomeOf = (reportEvery: number) =>
      withModel(reals, noisy, async (model) => {
        const trainer = trainerOf(model);
        const data = source([good, good, bad, good, good]);
        const fail = async () => {
          for await (const _ of trainer.run(data, { batchSize: 5, epochs: 1, reportEvery }));
        };
        await expect(fail()).rejects.toMatchObject({ code: 'ERR_BNLSTM_NOT_FINITE', step: 3 });
        const { index, loss } = await trainer.step(good);
        return { index, loss, weights: await weights(model) };
      });
    const alone = await outcomeOf(1);
    expect(alone.index).toBe(4);
    expect(await outcomeOf(5)).toEqual(alone);
  });

  test('a loss that overflows is one', async () => {
    await withModel(reals, classifier, async (model) => {
      const huge = Float32Array.from({ length: 32 }, (_, i) => (i % 4 === 0 ? 3e38 : -3e38));
      await model.set('2.w', huge);
      await expectError(() => trainerOf(model).step(good), 'ERR_BNLSTM_NOT_FINITE');
      expect(await model.get('2.w')).toEqual(huge);
    });
  });
});

describe('where numbers are first not finite', () => {
  const failure = async (model: Model, batch: Batch): Promise<NotFiniteError> => {
    const error = await trainerOf(model)
      .step(batch)
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(NotFiniteError);
    return error;
  };
  const layers = [lstm({ hidden: 5 }), bnLstm({ hidden: 4, maxSteps: 6 }), lastStep(), linear(4)];

  test('the batch', async () => {
    await withModel(reals, layers, async (model) => {
      const { layer, tensor, message } = await failure(model, bad);
      expect([layer, tensor]).toEqual([undefined, 'inputs[7] of the batch']);
      expect(message).toMatch(/The data are at fault/);
    });
  });

  test('a parameter', async () => {
    await withModel(reals, layers, async (model) => {
      const [name] = model.parameters
        .map((each) => each.name)
        .filter((each) => /^1.*b$/.test(each));
      const values = await model.get(name);
      await model.set(name, values.fill(Number.NaN, 2, 3));
      const { layer, tensor, message } = await failure(model, good);
      expect([layer, tensor]).toEqual([1, `parameter ${name}`]);
      expect(message).toContain(`first not finite: parameter ${name}`);
    });
  });

  test('the output of a layer', async () => {
    await withModel(reals, layers, async (model) => {
      await model.set(
        '3.w',
        (await model.get('3.w')).map(Math.sign).map((sign) => sign * 3e38),
      );
      await model.set('3.b', (await model.get('3.b')).fill(3e38));
      await model.set('1.beta_c', (await model.get('1.beta_c')).fill(3));
      const { layer, tensor } = await failure(model, good);
      expect([layer, tensor]).toEqual([3, 'output of layer 3 (linear)']);
    });
  });

  test('padding is not looked at', async () => {
    const lengths = Int32Array.of(6, 2, 6, 6, 6);
    const inputs = normals(5 * 6 * 3, 1);
    inputs.fill(Number.NaN, 18 + 2 * 3, 36); // behind the end of row 1
    inputs[40] = Number.NaN;
    await withModel(reals, layers, async (model) => {
      const { tensor } = await failure(model, { ...good, inputs, lengths });
      expect(tensor).toBe('inputs[40] of the batch');
    });
  });

  test('gradients, where the forward pass is finite', async () => {
    // Zero variance in a whole batch, without noise: gradients grow by γ/√ε at each step.
    const constant = { ...good, steps: 40, inputs: new Float32Array(5 * 40 * 3).fill(1) };
    constant.inputs.set(normals(5 * 3, 3), 5 * 40 * 3 - 15);
    await withModel(
      reals,
      [bnLstm({ hidden: 8, maxSteps: 40 }), lastStep(), linear(4)],
      async (model) => {
        const wide = new Float32Array(5 * 40 * 3).fill(1);
        for (let row = 0; row < 5; row++) wide.set(normals(3, row), (row * 40 + 39) * 3);
        const { layer, tensor } = await failure(model, { ...constant, inputs: wide });
        expect(layer).toBe(0);
        expect(tensor).toMatch(/^gradient of 0\./);
      },
    );
  });
});

describe("onNaN: 'stop'", () => {
  test('ends the run with a result that tells, and changes nothing', async () => {
    const outcome = (batches: readonly Batch[], reportEvery: number) =>
      withModel(reals, classifier, async (model) => {
        const trainer = trainerThat(model, { onNaN: 'stop' });
        const results: StepResult[] = [];
        const options = { batchSize: 5, epochs: 2, reportEvery };
        for await (const result of trainer.run(source(batches), options)) results.push(result);
        return { results, weights: await weights(model) };
      });
    for (const reportEvery of [1, 10]) {
      const { results, weights } = await outcome([good, good, bad, good], reportEvery);
      const last = results.at(-1);
      expect(last).toMatchObject({ index: 3, skipped: 1, steps: reportEvery === 1 ? 1 : 3 });
      expect(last?.notFinite).toBeInstanceOf(NotFiniteError);
      expect(Number.isNaN(last?.loss)).toBe(reportEvery === 1);
      const [two] = (await outcome([good], 2)).results;
      expect(two).toMatchObject({ index: 2, skipped: 0, notFinite: undefined });
      expect(weights).toEqual((await outcome([good], 1)).weights);
    }
  });
});

describe("onNaN: 'skip'", () => {
  test('goes on as if the batch had not been there, and counts it', async () => {
    const outcome = (batches: readonly Batch[], reportEvery = 1) =>
      withModel(reals, classifier, async (model) => {
        const trainer = trainerThat(model, { onNaN: 'skip' });
        const results: StepResult[] = [];
        const options = { batchSize: 5, epochs: 1, reportEvery };
        for await (const result of trainer.run(source(batches), options)) results.push(result);
        const moving = await model.evaluate(data, { statistics: 'moving' });
        return { results, weights: await weights(model), moving };
      });
    const clean = await outcome([good, good, good]);
    for (const reportEvery of [1, 2, 5]) {
      const skipped = await outcome([good, bad, good, bad, good], reportEvery);
      expect(skipped.weights).toEqual(clean.weights);
      expect(skipped.moving).toEqual(clean.moving);
      expect(skipped.results.reduce((sum, result) => sum + result.skipped, 0)).toBe(2);
    }
    const [turn] = (await outcome([good, bad, good], 3)).results;
    expect(turn.loss).toBeCloseTo((clean.results[0].loss + clean.results[1].loss) / 2, 12);
  });

  test('more than maxSkips in a row throw; a finite step in between counts anew', async () => {
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerThat(model, { onNaN: 'skip', maxSkips: 2 });
      const run = trainer.run(source([bad, bad, good, bad, bad, bad]), { batchSize: 5, epochs: 1 });
      for (let step = 1; step <= 5; step++) await run.next();
      await expect(run.next()).rejects.toMatchObject({
        code: 'ERR_BNLSTM_NOT_FINITE',
        step: 6,
        message: expect.stringContaining('after 2 such steps that were skipped'),
      });
    });
  });

  test('maxSkips is for skipping alone', async () => {
    await withModel(reals, classifier, async (model) => {
      await expectError(
        () => trainerThat(model, { maxSkips: 3 }),
        'ERR_BNLSTM_ARGUMENT',
        /maxSkips/,
      );
    });
  });
});
