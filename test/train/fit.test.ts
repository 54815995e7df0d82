import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { recallTask } from '../../lib/data/recall.js';
import {
  adam,
  bnLstm,
  crossEntropy,
  type DataSource,
  type FitOptions,
  type HistoryRecord,
  lastStep,
  linear,
  load,
  readHistory,
  type StepResult,
  type Trainer,
} from '../../lib/index.js';
import { expectError, noiseBatch, weights, withModel } from '../model/support.js';
import { contentOf, type Training, trainAnew, withFolder } from './fit_support.js';

const recall = (count: number, seed: number) =>
  recallTask({ steps: 8, classes: 4, symbols: 6, count, seed });
const layers = [bnLstm({ hidden: 6, maxSteps: 8 }), lastStep(), linear(4)];
const training: Training = {
  model: { vocabulary: 6, seed: 3 },
  layers,
  trainer: () => ({
    loss: crossEntropy(),
    optimizer: adam({ learningRate: 1e-2 }),
    clipNorm: 1,
  }),
  data: () => recall(53, 1),
  options: { batchSize: 8, epochs: 2 }, // 6 batches to an epoch
};
const withOptions = (options: Partial<FitOptions>): Training => ({
  ...training,
  options: { ...training.options, ...options },
});
const valid = recall(20, 2);

const kinds = (records: readonly HistoryRecord[]) =>
  records.map((record) => (record.type === 'start' ? 'start' : `${record.type} ${record.index}`));

describe('what happens when', () => {
  test('each epoch ends with a validation and a checkpoint, by default', async () => {
    await withFolder(async (directory) => {
      const { records, result } = await trainAnew(
        withOptions({ validation: { data: valid }, reportEvery: 4, directory }),
      );
      expect(kinds(records)).toEqual([
        'start',
        ...['step 4', 'step 6', 'validation 6', 'checkpoint 6'],
        ...['step 8', 'step 12', 'validation 12', 'checkpoint 12'],
        'end 12',
      ]);
      expect(result).toMatchObject({ stoppedBy: 'finished', index: 12, epoch: 2 });
      expect(await readHistory(join(directory, 'history.jsonl'))).toEqual(records);
      expect((await readdir(directory)).sort()).toEqual([
        'best.safetensors',
        'history.jsonl',
        'model.safetensors',
        'report.html',
        'step-00000006.safetensors',
        'step-00000012.safetensors',
      ]);
    });
  });

  test('by steps, where told so; the checkpoint comes after the validation', async () => {
    await withFolder(async (directory) => {
      const { records } = await trainAnew(training, {
        ...{ epochs: undefined, iterations: 9, directory },
        validation: { data: valid, every: 4 },
        checkpoint: { every: 4, keep: 1 },
      });
      expect(kinds(records).filter((kind) => !kind.startsWith('step'))).toEqual([
        'start',
        ...['validation 4', 'checkpoint 4', 'validation 8', 'checkpoint 8', 'checkpoint 9'],
        'end 9',
      ]);
      const names = await readdir(directory);
      expect(names.filter((name) => name.startsWith('step'))).toEqual([
        'step-00000009.safetensors',
      ]);
    });
  });

  test('a step record is the mean of its steps, whose bits are those of `run`', async () => {
    const { records } = await trainAnew(withOptions({ reportEvery: 6 }));
    const results = await withModel(training.model, layers, async (model) => {
      const all: StepResult[] = [];
      const run = model.trainer(training.trainer()).run(training.data(), training.options);
      for await (const result of run) all.push(result);
      return all;
    });
    const [first] = records.filter((record) => record.type === 'step');
    const mean = results.slice(0, 6).reduce((sum, { loss }) => sum + loss / 6, 0);
    expect(first.loss).toBeCloseTo(mean, 12);
    expect(first.sequencesPerSecond * first.seconds).toBeCloseTo(48, 9);
  });

  test('a second fit goes on counting', async () => {
    await withModel(training.model, layers, async (model) => {
      const trainer = model.trainer(training.trainer());
      await trainer.step(noiseTokens());
      const first = await trainer.fit(training.data(), training.options);
      expect(first).toMatchObject({ index: 13, epoch: 2 });
      const second = await trainer.fit(training.data(), { batchSize: 8, iterations: 3 });
      expect(second).toMatchObject({ index: 16, epoch: 3, validation: undefined });
    });
  });

  const noiseTokens = () => {
    const [batch] = recall(8, 5).batches({ batchSize: 8 }) as Iterable<never>;
    return batch;
  };
});

describe('at the end', () => {
  const statusOf = async (options: Partial<FitOptions>) => {
    let status = '';
    await trainAnew(withOptions(options), {}, async (model) => {
      ({ status } = await model.statistics());
    });
    return status;
  };

  test('population statistics are there, unless they are not wanted', async () => {
    expect(await statusOf({})).toBe('fresh');
    expect(await statusOf({ statistics: false })).toBe('missing');
  });

  test('they are those of `estimateStatistics` with the same batches', async () => {
    await trainAnew(
      withOptions({ statistics: { batchSize: 20, limit: 40 } }),
      {},
      async (model) => {
        const made = await model.statistics();
        await model.estimateStatistics(training.data(), { batchSize: 20, limit: 40 });
        expect(made).toEqual(await model.statistics());
      },
    );
  });

  test('the folder has the model', async () => {
    await withFolder(async (directory) => {
      await trainAnew(withOptions({ directory }), {}, async (model) => {
        const loaded = await load(join(directory, 'model.safetensors'));
        expect(await weights(loaded)).toEqual(await weights(model));
        expect((await loaded.statistics()).status).toBe('fresh');
        await loaded.dispose();
      });
    });
  });
});

describe('numbers that are not finite', () => {
  const bad = { ...noiseBatch({ count: 5 }), inputs: new Float32Array(5 * 6 * 3).fill(Number.NaN) };
  const good = noiseBatch({ count: 5 });
  const some = (onNaN: 'throw' | 'stop' | 'skip'): Training => ({
    model: { features: 3, seed: 5 },
    layers: [bnLstm({ hidden: 6, maxSteps: 6 }), lastStep(), linear(4)],
    trainer: () => ({ loss: crossEntropy(), optimizer: adam({ learningRate: 1e-2 }), onNaN }),
    data: () => ({ count: 20, seekable: true, batches: () => [good, bad, good] }),
    options: { batchSize: 5, epochs: 1 },
  });

  test('stop', async () => {
    const { result, records } = await trainAnew(some('stop'), { statistics: false });
    expect(result).toMatchObject({ stoppedBy: 'not-finite', index: 2 });
    expect(records.at(-1)).toMatchObject({
      ...{ type: 'end', stoppedBy: 'not-finite' },
      message: expect.stringContaining('inputs[0] of the batch'),
    });
  });

  test('skip: counted, and no population statistics where training data have none', async () => {
    await withFolder(async (directory) => {
      const { result, records } = await trainAnew(some('skip'), { directory });
      expect(result).toMatchObject({ stoppedBy: 'finished', index: 3 });
      const skipped = records.flatMap((r) => (r.type === 'step' ? [r.skipped ?? 0] : []));
      expect(skipped).toEqual([0, 1, 0]);
      expect(records.find(({ type }) => type === 'warning')).toMatchObject({
        message: expect.stringMatching(/no population statistics: .*not finite/),
      });
      expect(await readdir(directory)).toContain('model.safetensors');
    });
  });

  test('throw: the run has failed, and its history says so', async () => {
    await withFolder(async (directory) => {
      const failing = () => trainAnew(some('throw'), { directory });
      await expectError(failing, 'ERR_BNLSTM_NOT_FINITE', /step 2/);
      const records = await readHistory(join(directory, 'history.jsonl'));
      expect(records.at(-1)).toMatchObject({ type: 'end', stoppedBy: 'failed', index: 2 });
    });
  });
});

describe('the folder of a run', () => {
  test('with checkpoints is not begun anew by mistake; without any, resume begins', async () => {
    await withFolder(async (directory) => {
      await trainAnew(training, { directory, resume: true });
      const again = () => trainAnew(training, { directory });
      await expectError(again, 'ERR_BNLSTM_ARGUMENT', /resume: true.*step-00000006/);
    });
  });

  test('whose newest checkpoint is damaged gives the one before it, with a warning', async () => {
    await withFolder(async (directory) => {
      const { result } = await trainAnew(training, { directory });
      const path = result.checkpoint as string;
      const expected = await contentOf(path);
      const bytes = await readFile(path);
      bytes[bytes.length - 9] ^= 1;
      await writeFile(path, bytes);
      const { records, result: resumed } = await trainAnew(training, { directory, resume: true });
      expect(kinds(records).slice(0, 3)).toEqual(['warning 6', 'start', 'step 7']);
      expect(records[0]).toMatchObject({
        message: expect.stringMatching(/step-00000012.*step-00000006.* used/),
      });
      expect(await contentOf(resumed.checkpoint as string)).toEqual(expected);
    });
  });

  test('is one run’s at a time', async () => {
    await withFolder(async (directory) => {
      let inner: unknown;
      await trainAnew(training, {
        directory,
        onRecord: async (record) => {
          if (record.type !== 'start') return;
          inner = await trainAnew(training, { directory }).catch((error) => error);
        },
      });
      expect(inner).toMatchObject({ code: 'ERR_BNLSTM_BUSY' });
    });
  });

  test('a checkpoint that cannot be written throws, or is a warning', async () => {
    await withFolder(async (directory) => {
      const sabotaged = (onError: 'throw' | 'warn') =>
        trainAnew(training, {
          directory: join(directory, onError),
          checkpoint: { onError, every: 5 },
          onRecord: async (record) => {
            if (record.type !== 'step' || record.index !== 5) return;
            await writeFile(join(directory, onError, 'lock'), 'not ours');
          },
        });
      await expectError(() => sabotaged('throw'), 'ERR_BNLSTM_BUSY');
      const { result, records } = await sabotaged('warn');
      expect(result).toMatchObject({ stoppedBy: 'finished', checkpoint: undefined });
      expect(kinds(records)).toEqual(expect.arrayContaining(['warning 5', 'warning 10']));
    });
  });

  test('a validation that an abort has cut short is done when the run goes on', async () => {
    await withFolder(async (folder) => {
      const options = { validation: { data: valid, every: 4 } } as const;
      const whole = await trainAnew(withOptions(options), { directory: join(folder, 'whole') });
      const controller = new AbortController();
      let reads = 0;
      const abortingData: DataSource = {
        ...valid,
        count: valid.count,
        batches: (given) => {
          if (++reads === 2) controller.abort();
          return valid.batches(given);
        },
      };
      const directory = join(folder, 'cut');
      const cut = await trainAnew(withOptions({ validation: { data: abortingData, every: 4 } }), {
        directory,
        signal: controller.signal,
      });
      expect(kinds(cut.records).slice(-3)).toEqual(['step 8', 'checkpoint 8', 'end 8']);
      const rest = await trainAnew(withOptions(options), { directory, resume: true });
      expect(kinds(rest.records).slice(0, 3)).toEqual(['start', 'validation 8', 'step 9']);
      expect(await contentOf(rest.result.checkpoint as string)).toEqual(
        await contentOf(whole.result.checkpoint as string),
      );
    });
  });

  test('a run that has finished is not trained further', async () => {
    await withFolder(async (directory) => {
      const { result } = await trainAnew(training, { directory });
      const { result: again, records } = await trainAnew(training, { directory, resume: true });
      expect(again).toMatchObject({ stoppedBy: 'finished', index: 12, best: result.best });
      expect(kinds(records)).toEqual(['start', 'end 12']);
    });
  });
});

describe('trainer.save and restore', () => {
  const half = async (trainer: Trainer, data: DataSource) => {
    let steps = 0;
    for await (const _ of trainer.run(data, { batchSize: 8, epochs: 1 })) if (++steps === 3) break;
  };

  test('the next run goes on within the epoch', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'half.safetensors');
      const whole = await withModel(training.model, layers, async (model) => {
        const trainer = model.trainer(training.trainer());
        for await (const _ of trainer.run(training.data(), training.options));
        return weights(model);
      });
      await withModel(training.model, layers, async (model) => {
        const trainer = model.trainer(training.trainer());
        await half(trainer, training.data());
        await trainer.save(path);
      });
      await withModel(training.model, layers, async (model) => {
        const trainer = model.trainer(training.trainer());
        await trainer.restore(path);
        const seen: number[] = [];
        for await (const { index } of trainer.run(training.data(), training.options))
          seen.push(index);
        expect(seen).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
        expect(await weights(model)).toEqual(whole);
      });
      const model = await load(path);
      expect(model.parameterCount).toBeGreaterThan(0);
      await model.dispose();
    });
  });

  test('a model is no checkpoint, and one of `save` is none of `fit`', async () => {
    await withFolder(async (folder) => {
      await withModel(training.model, layers, async (model) => {
        const trainer = model.trainer(training.trainer());
        const path = join(folder, 'step-00000000.safetensors');
        await model.save(path);
        await expectError(
          () => trainer.restore(path),
          'ERR_BNLSTM_FORMAT',
          /a model without its training/,
        );
        await trainer.save(path);
        await expectError(
          () =>
            trainer.fit(training.data(), { ...training.options, directory: folder, resume: true }),
          'ERR_BNLSTM_CHECKPOINT',
          /that of `fit`/,
        );
      });
    });
  });

  test('not while a loop runs', async () => {
    await withModel(training.model, layers, async (model) => {
      const trainer = model.trainer(training.trainer());
      for await (const _ of trainer.run(training.data(), training.options)) {
        await expectError(() => trainer.save('/nowhere'), 'ERR_BNLSTM_BUSY');
        await expectError(() => trainer.restore('/nowhere'), 'ERR_BNLSTM_BUSY');
        await expectError(() => trainer.fit(training.data(), training.options), 'ERR_BNLSTM_BUSY');
        break;
      }
    });
  });
});

test('options are checked, by name', async () => {
  await withModel(training.model, layers, async (model) => {
    const trainer = model.trainer(training.trainer());
    const refuse = (options: object, message: RegExp) =>
      expectError(
        () => trainer.fit(training.data(), { ...training.options, ...options } as FitOptions),
        'ERR_BNLSTM_ARGUMENT',
        message,
      );
    await refuse({ iteration: 3 }, /^fit: expected only the options .*directory.*, got iteration/);
    await refuse({ batchSize: 0 }, /^fit: batchSize: expected an integer ≥ 1, got 0/);
    await refuse(
      { epochs: undefined },
      /fit: iterations, epochs: expected one of them, got neither/,
    );
    await refuse(
      { earlyStopping: { patience: 1 } },
      /fit: validation: expected data to stop early/,
    );
    await refuse({ validation: {} }, /fit: validation.data: expected a data source/);
    await refuse({ validation: { data: valid, evry: 1 } }, /fit: validation: .*got evry/);
    await refuse({ validation: { data: valid, every: 0 } }, /fit: validation.every: .*got 0/);
    await refuse({ checkpoint: { every: 3 } }, /fit: directory: expected a folder, for checkpoint/);
    await refuse({ resume: true }, /fit: directory: expected a folder, for resume/);
    await refuse({ directory: '' }, /fit: directory: expected a string/);
    await refuse({ configuration: [1] }, /fit: configuration: expected an object that is JSON/);
    await refuse({ onRecord: 1 }, /fit: onRecord: expected a function/);
    await refuse({ statistics: { limit: 0 } }, /fit: statistics.limit/);
  });
});
