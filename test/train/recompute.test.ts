import { expect, test } from 'vitest';
import {
  bidirectional,
  bnLstm,
  crossEntropy,
  dropout,
  lastStep,
  linear,
  rmsprop,
  type TrainerOptions,
} from '../../lib/index.js';
import { expectError, noiseData, weights, withModel } from '../model/support.js';

const reals = { features: 3, seed: 5 };
const loss = crossEntropy();
const optimizer = rmsprop({ learningRate: 1e-2 });

test('training with recompute gives the bits of training without', async () => {
  const layers = [
    bnLstm({ hidden: 6, maxSteps: 13, zoneoutCell: 0.1, initialNoise: 0.1 }),
    dropout(0.1),
    bidirectional(bnLstm({ hidden: 4, maxSteps: 13, inputStatistics: 'sequence' })),
    lastStep(),
    linear(4),
  ];
  const run = (recompute?: TrainerOptions['recompute']) =>
    withModel(reals, layers, async (model) => {
      const trainer = model.trainer({ loss, optimizer, recompute });
      const losses: number[] = [];
      // On a CPU chunks are whole gradient runs: with fewer rows all steps would be one.
      const data = noiseData({ count: 390, steps: 13 });
      for await (const step of trainer.run(data, { batchSize: 130, epochs: 2 })) {
        losses.push(step.loss);
      }
      return { losses, values: await weights(model) };
    });
  const kept = await run('none');
  expect(kept.losses).toHaveLength(6);
  for (const recompute of [undefined, 'auto', 'inputs', 'all', 1, 5, 13, 1000] as const) {
    expect(await run(recompute), `${recompute}`).toEqual(kept);
  }
});

test('recompute is a mode or steps', async () => {
  await withModel(reals, [bnLstm({ hidden: 2, maxSteps: 3 }), linear(2)], async (model) => {
    const make = (recompute: unknown) => () =>
      model.trainer({ loss, optimizer, recompute: recompute as number });
    const code = 'ERR_BNLSTM_ARGUMENT';
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      await expectError(make(wrong), code, /trainer: recompute: expected an integer ≥ 1/);
    }
    const words = "recompute: expected 'auto', 'none', 'inputs', 'all' or steps per chunk, got";
    await expectError(make('yes'), code, new RegExp(`${words} "yes"`));
    await expectError(make(true), code, new RegExp(`${words} true`));
  });
});
