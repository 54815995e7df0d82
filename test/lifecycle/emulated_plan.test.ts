// The option `plan` on the CUDA engine, by the emulator.
import { describe, expect, test } from 'vitest';
import {
  adam,
  type BnLstmPlan,
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  type Model,
  selfTest,
} from '../../lib/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import { native } from '../../lib/native.js';
import { expectError, noiseData, withModel } from '../model/support.js';
import { type Training, trainAnew, trainUntil, withFolder } from '../train/fit_support.js';

const emulated = native()
  .probe()
  .devices.some(({ name }) => name === 'emulator');

const layers = [bnLstm({ hidden: 6, maxSteps: 6 }), lastStep(), linear(4)];
const modelOf = (plan?: BnLstmPlan) => ({ features: 3, seed: 3, device: 'emulator', plan });

describe.skipIf(!emulated)('a plan that is asked for', () => {
  const recurrent = (model: Model) =>
    [true, false].flatMap(
      (training) => model.plan({ steps: 6, batchSize: 5, training }).layers[0].ops,
    );

  test('serves forward and backward, and model.plan tells that it was asked for', async () => {
    await withModel(modelOf('steps'), layers, async (model) => {
      expect(recurrent(model).map(({ op, plan }) => [op, plan])).toEqual([
        ['bnLstm', 'steps'],
        ['bnLstmBackward', 'steps'],
        ['bnLstm', 'steps'],
      ]);
      for (const { why } of recurrent(model)) expect(why).toMatch(/: it was asked for$/);
      expect(String(model.plan({ steps: 6, batchSize: 5 }))).toMatch(/steps: .*it was asked for;/);
    });
    await withModel(modelOf(), layers, async (model) => {
      for (const { why } of recurrent(model)) expect(why).not.toMatch(/asked for/);
    });
    expect(await selfTest({ device: 'emulator', plan: 'steps' })).toMatchObject({ ok: true });
  });

  test('is refused where the engine lacks it', async () => {
    const words = /^plan: expected 'auto' or 'steps', got 'persistent'/;
    await withModel(modelOf('persistent'), layers, async (model) => {
      await expectError(() => recurrent(model), 'ERR_BNLSTM_UNSUPPORTED', words);
    });
  });
});

describe.skipIf(!emulated)('a run that goes on', () => {
  const training = (plan?: BnLstmPlan): Training => ({
    model: modelOf(plan),
    layers,
    trainer: () => ({ loss: crossEntropy(), optimizer: adam({ learningRate: 1e-2 }) }),
    data: () => noiseData({ count: 20 }),
    options: { batchSize: 5, epochs: 2 },
  });

  test('must have the plan that served it, whether it was asked for or chosen', async () => {
    await withFolder(async (directory) => {
      const { result } = await trainUntil(training('steps'), 3, { directory });
      const path = result.checkpoint as string;
      const { tensors, metadata } = await readSafetensors(path);
      const record = JSON.parse(metadata.training);
      const { ops } = record.plan as { ops: string[] };
      const resumed = () => trainAnew(training('steps'), { directory, resume: true });
      for (const op of ['bnLstm', 'bnLstmBackward']) {
        expect(ops).toContain(`0 ${op}: steps`);
        record.plan.ops = ops.map((each) =>
          each === `0 ${op}: steps` ? `0 ${op}: persistent` : each,
        );
        await writeSafetensors(path, tensors, { ...metadata, training: JSON.stringify(record) });
        const both = new RegExp(
          `plan: expected \\[.*"0 ${op}: persistent".*got \\[.*"0 ${op}: steps"`,
        );
        await expectError(resumed, 'ERR_BNLSTM_CHECKPOINT', both);
      }

      await writeSafetensors(path, tensors, metadata);
      expect((await resumed()).result.stoppedBy).toBe('finished');
    });
  });
});
