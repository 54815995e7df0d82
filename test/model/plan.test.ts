import { describe, expect, test } from 'vitest';
import {
  bidirectional,
  bnLstm,
  dropout,
  lastStep,
  linear,
  type ModelPlan,
  probeDevices,
  selfTest,
} from '../../lib/index.js';
import type { Recompute } from '../../lib/recompute.js';
import { expectError, noiseBatch, trainerOf, withModel } from './support.js';

const layers = [
  bidirectional(bnLstm({ hidden: 16, maxSteps: 20 })),
  dropout(0.5),
  bnLstm({ hidden: 8, maxSteps: 20 }),
  lastStep(),
  linear(4),
];
const options = { features: 3, device: 'cpu' };

function opsOf(plan: ModelPlan, layer: number): readonly string[] {
  return plan.layers[layer].ops.map(({ op }) => op);
}

describe('model.plan', () => {
  test('names the ops of each layer, forward and backward, and why each is computed so', async () => {
    await withModel(options, layers, async (model) => {
      const plan = model.plan({ steps: 20, batchSize: 5 });
      expect(plan).toMatchObject({ device: model.device, steps: 20, batchSize: 5, training: true });
      expect(plan.layers.map(({ layer, kind }) => [layer, kind])).toEqual([
        [0, 'bidirectional'],
        [1, 'dropout'],
        [2, 'bnLstm'],
        [3, 'lastStep'],
        [4, 'linear'],
      ]);
      expect(opsOf(plan, 2)).toEqual(['bnLstm', 'bnLstmBackward']);
      expect(opsOf(plan, 4)).toEqual(['linear', 'linearBackward']);
      expect(new Set(opsOf(plan, 1))).toEqual(new Set(['dropout']));
      const { why } = probeDevices().devices.find(({ name }) => name === model.device) ?? {};
      const [forward, backward] = plan.layers[2].ops;
      expect(forward).toMatchObject({ plan: model.device.split(':')[1], why });
      expect(plan.layers[1].ops[0].plan).toBe('plain C++');
      expect(forward.savedBytes).toBeGreaterThan(24 * 20 * 5 * 8);
      expect(backward.savedBytes).toBe(0);
      expect(plan.bytes).toBeGreaterThan(forward.savedBytes);
    });
  });

  test('follows steps, rows, recompute and lengths', async () => {
    await withModel(options, layers, async (model) => {
      const saved = (steps: number, batchSize: number, recompute?: Recompute) =>
        model.plan({ steps, batchSize, recompute }).layers[0].ops[0].savedBytes;
      expect(saved(20, 10)).toBeGreaterThan(1.5 * saved(20, 5));
      expect(saved(20, 5)).toBeGreaterThan(1.5 * saved(10, 5));
      const bytes = (recompute: Recompute) =>
        model.plan({ steps: 2000, batchSize: 50, recompute }).bytes;
      expect(bytes('all')).toBeLessThan(bytes('none') / 2);
      expect(model.plan({ steps: 2000, batchSize: 50 }).bytes).toBe(bytes('none'));
      const plan = model.plan({ steps: 20, batchSize: 5, lengths: true });
      expect(opsOf(plan, 4)).toEqual(['linear', 'linearBackward']);
    });
  });

  test('of a prediction keeps nothing', async () => {
    await withModel(options, layers, async (model) => {
      const plan = model.plan({ steps: 20, batchSize: 5, training: false });
      expect(plan.training).toBe(false);
      expect(plan.layers.flatMap(({ ops }) => ops.map(({ op }) => op))).toEqual([
        'bnLstm',
        'bnLstm',
        'linear',
      ]);
      expect(plan.layers[0].ops[0].savedBytes).toBe(0);
      expect(plan.bytes).toBeLessThan(model.plan({ steps: 20, batchSize: 5 }).bytes);
    });
  });

  test('allocates nothing, is frozen, and prints', async () => {
    await withModel(options, layers, async (model) => {
      // No machine has so much memory.
      const plan = model.plan({ steps: 1_000_000, batchSize: 1_000_000 });
      expect(plan.bytes).toBeGreaterThan(2 ** 45);
      for (const part of [plan, plan.layers, ...plan.layers, ...plan.layers[0].ops]) {
        expect(Object.isFrozen(part)).toBe(true);
      }
      const lines = String(model.plan({ steps: 20, batchSize: 5 })).split('\n');
      expect(lines[0]).toMatch(/^a training step on cpu:\w+, 5 x 20 steps: [\d ]+ B$/);
      expect(lines).toContain('3 lastStep: no op of its own');
      expect(lines[1]).toBe('0 bidirectional');
      expect(lines[2]).toMatch(/^ {2}bnLstm {10}\w+: .+; [\d ]+ B saved; [\d ]+ B scratch$/);
    });
  });

  test('a plan of GPUs is refused on a CPU, whatever needs it first', async () => {
    for (const plan of ['steps', 'persistent', 'overlapped'] as const) {
      await withModel({ ...options, plan }, layers, async (model) => {
        const shape = { steps: 6, batchSize: 5 };
        const words = new RegExp(
          `^plan: expected 'auto', got '${plan}': on a CPU there is one way`,
        );
        const refused = (call: () => unknown) => expectError(call, 'ERR_BNLSTM_UNSUPPORTED', words);
        await refused(() => model.plan(shape));
        await refused(() => model.plan({ ...shape, training: false }));
        const batch = noiseBatch({ count: 5 });
        await refused(() => model.predict(batch, { statistics: 'batch' }));
        await refused(() => trainerOf(model).step(batch));
      });
      await expectError(() => selfTest({ device: 'cpu', plan }), 'ERR_BNLSTM_UNSUPPORTED');
    }
    // Where no layer is recurrent there is nothing to refuse.
    await withModel({ ...options, plan: 'steps' }, [lastStep(), linear(4)], async (model) => {
      await trainerOf(model).step(noiseBatch({ count: 5 }));
    });
  });

  test('refuses wrong options and a model that is gone', async () => {
    const model = await withModel(options, layers, async (model) => {
      const plan = (given: object) => () => model.plan(given as never);
      await expectError(plan({ steps: 0, batchSize: 1 }), 'ERR_BNLSTM_ARGUMENT', /plan: steps/);
      await expectError(plan({ steps: 1 }), 'ERR_BNLSTM_ARGUMENT', /plan: batchSize/);
      await expectError(plan({ batch: 1 }), 'ERR_BNLSTM_ARGUMENT', /plan: expected only/);
      for (const recompute of [0, 'auto']) {
        const given = { steps: 1, batchSize: 1, recompute };
        await expectError(plan(given), 'ERR_BNLSTM_ARGUMENT', /plan: recompute/);
      }
      return model;
    });
    expect(() => model.plan({ steps: 1, batchSize: 1 })).toThrow('the model was disposed');
  });
});
