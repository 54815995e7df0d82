// The option `plan` on the CUDA engine, by the emulator.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  adam,
  type BnLstmPlan,
  bnLstm,
  crossEntropy,
  type FitOptions,
  lastStep,
  linear,
  type Model,
  type ModelOptions,
  selfTest,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { bnlstm } from '../cli/child.js';
import { table } from '../cli/train/table.js';
import {
  expectError,
  noiseBatch,
  noiseData,
  trainerOf,
  weights,
  withModel,
} from '../model/support.js';
import { type Training, trainAnew, trainUntil, withFolder } from '../train/fit_support.js';

const emulated = native()
  .probe()
  .devices.some(({ name }) => name === 'emulator');

const layers = [bnLstm({ hidden: 6, maxSteps: 6 }), lastStep(), linear(4)];
const modelOf = (plan: BnLstmPlan = 'auto', options: Partial<ModelOptions> = {}) =>
  ({ features: 3, seed: 3, device: 'emulator', plan, ...options }) as const;
const bf16 = { dtype: 'bf16' } as const;

describe.skipIf(!emulated)('a plan that is asked for', () => {
  const shape = { steps: 6, batchSize: 5 };
  const recurrent = (model: Model) =>
    [true, false].flatMap((training) => model.plan({ ...shape, training }).layers[0].ops);

  test.each([
    ['steps', {}],
    ['steps', bf16],
    ['persistent', bf16],
    ['persistent', { tf32: true }],
    ['overlapped', bf16],
    ['overlapped', { tf32: true }],
  ] as const)('serves forward and backward, and is told: %s, %o', async (plan, options) => {
    await withModel(modelOf(plan, options), layers, async (model) => {
      expect(recurrent(model).map(({ op, plan }) => [op, plan])).toEqual([
        ['bnLstm', plan],
        ['bnLstmBackward', plan],
        ['bnLstm', plan],
      ]);
      for (const { why } of recurrent(model)) expect(why).toMatch(/: it was asked for$/);
      const text = String(model.plan(shape));
      expect(text).toMatch(new RegExp(`bnLstm +${plan}: .*it was asked for;`));
      const batch = noiseBatch({ count: 5 });
      const { loss } = await trainerOf(model).step(batch);
      expect(loss).toBeGreaterThan(0);
      await model.predict(batch, { statistics: 'batch' });
    });
    expect(await selfTest({ device: 'emulator', plan, ...options })).toMatchObject({ ok: true });
  });

  test('is chosen where it serves, or the other with the reason', async () => {
    for (const [options, plan, words] of [
      [{}, 'steps', /: 'persistent' does not serve it, as .*neither dtype 'bf16' nor tf32/],
      [bf16, 'persistent', /^one launch for up to 3 steps, 4 blocks with up to 8 hidden units/],
      [{ tf32: true }, 'persistent', /^one launch/],
    ] as const) {
      await withModel(modelOf('auto', options), layers, async (model) => {
        for (const op of recurrent(model)) {
          expect(op).toMatchObject({ plan, why: expect.stringMatching(words) });
          expect(op.why).not.toMatch(/: it was asked for/);
        }
      });
    }
  });

  test.each(['persistent', 'overlapped'] as const)(
    'is refused where it does not serve the layer, before anything is computed: %s',
    async (plan) => {
      const refused = (call: () => unknown, why: string) =>
        expectError(
          call,
          'ERR_BNLSTM_UNSUPPORTED',
          new RegExp(`plan: expected 'auto' or 'steps', got '${plan}': .*${why}`),
        );
      await withModel(modelOf(plan), layers, async (model) => {
        await refused(() => recurrent(model), "neither dtype 'bf16' nor tf32 was asked for");
        const batch = noiseBatch({ count: 5 });
        await refused(() => trainerOf(model).step(batch), 'neither dtype');
      });
      const wide = [bnLstm({ hidden: 33, maxSteps: 6 }), lastStep(), linear(4)];
      await withModel(modelOf(plan, bf16), wide, async (model) => {
        await refused(() => recurrent(model), '33 hidden units need 8 multiprocessors');
      });
      await withModel(modelOf(plan, bf16), layers, async (model) => {
        await refused(() => model.plan({ ...shape, batchSize: 129 }), 'a batch of 129 rows');
        expect(recurrent(model).length).toBe(3); // the model can be used on
      });
    },
  );
});

describe.skipIf(!emulated)('a run that goes on', () => {
  const training = (plan?: BnLstmPlan): Training => ({
    model: modelOf(plan, bf16),
    layers,
    trainer: () => ({ loss: crossEntropy(), optimizer: adam({ learningRate: 1e-2 }) }),
    data: () => noiseData({ count: 20 }),
    options: { batchSize: 5, epochs: 2 },
  });
  const finish = async (plan: BnLstmPlan, further: Partial<FitOptions> = {}) => {
    let bits: Float32Array | undefined;
    const inspect = async (model: Model) => void (bits = await weights(model));
    const { result } = await trainAnew(training(plan), further, inspect);
    return { stoppedBy: result.stoppedBy, bits };
  };

  test.each([
    ['steps', 'steps', ['persistent', 'auto', 'overlapped']],
    ['persistent', 'auto', ['steps', 'overlapped']],
    ['auto', 'persistent', ['steps']],
    ['overlapped', 'overlapped', ['persistent']],
  ] as const)(
    'must have the plan that served it, whether it was asked for or chosen: %s, %s',
    async (begun, goesOn, others) => {
      await withFolder(async (directory) => {
        await trainUntil(training(begun), 3, { directory });
        const served = (plan: BnLstmPlan) => (plan === 'auto' ? 'persistent' : plan);
        const further = { directory, resume: true };
        for (const other of others) {
          const both = new RegExp(
            `plan: expected \\[.*"0 bnLstm: ${served(begun)}".*got \\[.*"0 bnLstm: ${served(other)}"`,
          );
          await expectError(() => finish(other, further), 'ERR_BNLSTM_CHECKPOINT', both);
        }
        const whole = await finish(begun);
        expect(whole.stoppedBy).toBe('finished');
        expect(await finish(goesOn, further)).toEqual(whole);
      });
    },
  );
});

test.skipIf(!emulated)(
  '`bnlstm train` keeps all its passes to it, or refuses before it',
  async () => {
    await withFolder(async (folder) => {
      const data = join(folder, 'data.csv');
      await writeFile(data, table(150));
      const train = (out: string, ...args: string[]) => {
        const task = ['csv', data, '--target', 'label', '--sequence', 'id', '--hidden', '6'];
        const plan = ['--device', 'emulator', '--dtype', 'bf16', '--plan', 'persistent'];
        return bnlstm([
          'train',
          ...task,
          ...plan,
          '--epochs',
          '1',
          '--out',
          join(folder, out),
          ...args,
        ]);
      };
      expect(await train('kept')).toMatchObject({ code: 0, stderr: '' });
      const { code, stderr } = await train('refused', '--statistics-batch-size', '140');
      expect(code).toBe(1);
      expect(stderr).toContain('a batch of 140 rows is too large; it holds 128');
      expect(await readdir(folder)).not.toContain('refused');
    });
  },
);
