import { expect, test } from 'vitest';
import { bnLstm, lastStep, linear, type Profile } from '../../lib/index.js';
import { expectError, noiseBatch, trainerOf, weights, withModel } from './support.js';

const options = { features: 3, seed: 5 };
const classifier = [bnLstm({ hidden: 8, maxSteps: 6 }), lastStep(), linear(4)];
const batch = noiseBatch({ count: 5 });

/** Names of the ops with their calls; the times must add up. */
function checked({ ms, ops }: Profile): Record<string, number> {
  const times = ops.map((op) => op.ms);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect(Math.min(...times)).toBeGreaterThan(0);
  expect(times.reduce((sum, time) => sum + time)).toBeCloseTo(ms, 4);
  expect(ops.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 4);
  return Object.fromEntries(ops.map(({ name, calls }) => [name, calls]));
}

test('of a prediction', async () => {
  await withModel(options, classifier, async (model) => {
    const calls = checked(await model.profile(batch, { statistics: 'batch' }));
    expect(calls).toEqual({ bnLstm: 1, linear: 1 });
    await expectError(() => model.profile(batch), 'ERR_BNLSTM_STATISTICS_MISSING');
  });
});

test('of a training step, which is a step like any other', async () => {
  const after = (profiled: boolean) =>
    withModel(options, classifier, async (model) => {
      const trainer = trainerOf(model);
      if (profiled) {
        const calls = checked(await trainer.profile(batch));
        expect(calls).toMatchObject({
          bnLstm: 1,
          bnLstmBackward: 1,
          linearBackward: 1,
          rmsprop: 1,
        });
      } else {
        await trainer.step(batch);
      }
      return { index: (await trainer.step(batch)).index, values: await weights(model) };
    });
  expect(await after(true)).toEqual(await after(false));
});
