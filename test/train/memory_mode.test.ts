// Which mode of memory a trainer takes, and what it says of it.
import { describe, expect, test } from 'vitest';
import {
  adam,
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  type Trainer,
} from '../../lib/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import type { Recompute } from '../../lib/recompute.js';
import { chooseMode, type ModeBytes } from '../../lib/train/memory_mode.js';
import { expectError, noiseBatch, noiseData, withModel } from '../model/support.js';
import { type Training, trainAnew, trainUntil, withFolder } from './fit_support.js';

describe('chooseMode', () => {
  const usual = { none: 220, inputs: 140, all: 60 };
  test.each<[ModeBytes, number, string]>([
    [usual, 1000, 'none'],
    [usual, 275, 'none'],
    [usual, 274, 'inputs'],
    [usual, 175, 'inputs'],
    [usual, 174, 'all'],
    [usual, 75, 'all'],
    // Nothing fits: the least, which the device may still have.
    [usual, 74, 'all'],
    [usual, 1, 'all'],
    // On a CPU 'inputs' keeps what 'none' keeps.
    [{ none: 220, inputs: 220, all: 60 }, 274, 'all'],
    // Chunks that save nothing.
    [{ none: 220, inputs: 140, all: 150 }, 180, 'inputs'],
    [{ none: 220, inputs: 140, all: 150 }, 100, 'inputs'],
    [{ none: 220, inputs: 220, all: 220 }, 100, 'none'],
    // How much there is is not known.
    [usual, 0, 'none'],
  ])('%j in %d bytes: %s', (bytes, total, mode) => {
    expect(chooseMode((each) => bytes[each], total)).toBe(mode);
  });

  test('asks no further than it has to', () => {
    const asked: string[] = [];
    chooseMode((mode) => {
      asked.push(mode);
      return 1;
    }, 100);
    expect(asked).toEqual(['none']);
  });
});

const layers = [bnLstm({ hidden: 8, maxSteps: 700 }), lastStep(), linear(4)];
const options = { loss: crossEntropy(), optimizer: adam({ learningRate: 1e-3 }) };

test('a trainer tells the mode, and what each takes, of the last batch', async () => {
  await withModel({ features: 3, seed: 1, device: 'cpu' }, layers, async (model) => {
    const trainer = model.trainer(options);
    expect(trainer.memory().step).toBeUndefined();
    const steps = async (trained: Trainer, length: number) => {
      await trained.step(noiseBatch({ count: 40, steps: length }));
      const { step } = trained.memory();
      return step ?? expect.unreachable();
    };
    const { recompute, bytes } = await steps(trainer, 700);
    expect(recompute).toBe('none');
    expect(bytes.inputs).toBe(bytes.none);
    expect(bytes.all).toBeLessThan(bytes.none / 2);
    // All that is there by now, and not much more: the step's own program has an optimizer in it.
    const total = model.memory().total + trainer.memory().total;
    expect(bytes.none / total).toBeGreaterThan(0.95);
    expect(bytes.none / total).toBeLessThan(1.3);

    const short = await steps(trainer, 7);
    expect(short.bytes.none).toBeLessThan(bytes.none / 10);
    for (const mode of ['inputs', 'all', 50] as const) {
      const forced = model.trainer({ ...options, recompute: mode });
      expect(await steps(forced, 700)).toEqual({ recompute: mode, bytes });
      forced.dispose();
    }
    // Gradients and the optimizer's state count before they are there; a window's sums as well.
    const more = model.trainer({ ...options, accumulate: 2 });
    const { parameters } = model.memory();
    expect((await steps(more, 700)).bytes.none).toBe(bytes.none + parameters);
  });
});

describe('a resumed run', () => {
  const training = (recompute?: 'auto' | Recompute): Training => ({
    model: { features: 3, seed: 3, device: 'cpu' },
    layers: [lstm({ hidden: 6 }), lastStep(), linear(4)],
    trainer: () => ({ ...options, recompute }),
    data: () => noiseData({ count: 20 }),
    options: { batchSize: 5, epochs: 2 },
  });
  const stopped = async (recompute: Recompute | undefined, directory: string) =>
    (await trainUntil(training(recompute), 3, { directory })).result.checkpoint as string;
  const recorded = async (path: string) =>
    JSON.parse((await readSafetensors(path)).metadata.training).plan.recompute;

  test('goes on with the mode of its checkpoint where none is asked for', async () => {
    for (const mode of ['inputs', 'all', 2] as const) {
      await withFolder(async (directory) => {
        expect(await recorded(await stopped(mode, directory))).toBe(mode);
        const going = { directory, resume: true };
        const { result } = await trainAnew(training(), going, async (_, trainer) => {
          expect(trainer.memory().step?.recompute).toBe(mode);
        });
        expect(await recorded(result.checkpoint as string)).toBe(mode);
      });
    }
  });

  test('refuses another mode, and takes the same', async () => {
    await withFolder(async (directory) => {
      expect(await recorded(await stopped(undefined, directory))).toBe('none');
      const resumed = (mode: Recompute) => () =>
        trainAnew(training(mode), { directory, resume: true });
      for (const mode of ['inputs', 'all', 2] as const) {
        const words = new RegExp(`recompute: expected "none", got ${JSON.stringify(mode)}`);
        await expectError(resumed(mode), 'ERR_BNLSTM_CHECKPOINT', words);
      }
      expect((await resumed('none')()).result.stoppedBy).toBe('finished');
    });
  });

  test('a mode that there is not is damage', async () => {
    await withFolder(async (directory) => {
      const path = await stopped('all', directory);
      const { tensors, metadata } = await readSafetensors(path);
      for (const mode of [true, 'auto', 0]) {
        const record = JSON.parse(metadata.training);
        record.plan.recompute = mode;
        await writeSafetensors(path, tensors, { ...metadata, training: JSON.stringify(record) });
        const resumed = () => trainAnew(training(), { directory, resume: true });
        await expectError(resumed, 'ERR_BNLSTM_FORMAT', /training: plan: recompute: expected/);
      }
    });
  });
});
