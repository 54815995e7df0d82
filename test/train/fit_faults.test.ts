// What goes wrong around a training must cost as little as possible.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { recallTask } from '../../lib/data/recall.js';
import {
  adam,
  type Batch,
  bnLstm,
  crossEntropy,
  type DataSource,
  type HistoryRecord,
  lastStep,
  linear,
  meanSquaredError,
  plateau,
  readHistory,
} from '../../lib/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import { expectError, noiseBatch, weights, withModel } from '../model/support.js';
import { contentOf, type Training, trainAnew, trainUntil, withFolder } from './fit_support.js';

const recall = (count: number, seed: number) =>
  recallTask({ steps: 8, classes: 4, symbols: 6, count, seed });
const layers = [bnLstm({ hidden: 6, maxSteps: 8 }), lastStep(), linear(4)];
const training: Training = {
  model: { vocabulary: 6, seed: 3 },
  layers,
  trainer: () => ({ loss: crossEntropy(), optimizer: adam({ learningRate: 1e-2 }) }),
  data: () => recall(53, 1),
  options: { batchSize: 8, epochs: 2 },
};
const valid = recall(20, 2);
const good = noiseBatch({ count: 5 });
const bad: Batch = { ...good, inputs: new Float32Array(5 * 6 * 3).fill(Number.NaN) };
const withBad = (onNaN: 'throw' | 'stop' | 'skip', batches: readonly Batch[]): Training => ({
  model: { features: 3, seed: 5 },
  layers: [bnLstm({ hidden: 6, maxSteps: 6 }), lastStep(), linear(4)],
  trainer: () => ({ loss: crossEntropy(), optimizer: adam({ learningRate: 1e-2 }), onNaN }),
  data: () => ({ count: 5 * batches.length, seekable: true, batches: () => batches }),
  options: { batchSize: 5, epochs: 1 },
});
const kinds = (records: readonly HistoryRecord[]) =>
  records.map((record) => (record.type === 'start' ? 'start' : `${record.type} ${record.index}`));

test('after a step that failed nothing is validated or saved as of that step', async () => {
  await withFolder(async (directory) => {
    const records: HistoryRecord[] = [];
    const failing = trainAnew(withBad('throw', [good, good, good, bad, good]), {
      ...{ directory, reportEvery: 10, checkpoint: { every: 4 } },
      validation: { data: { count: 5, batches: () => [good] }, every: 4 },
      onRecord: (record) => {
        records.push(record);
      },
    });
    await expectError(() => failing, 'ERR_BNLSTM_NOT_FINITE', /step 4/);
    expect(kinds(records)).toEqual(['start', 'step 3', 'end 4']);
    expect(await readdir(directory)).not.toContain('step-00000004.safetensors');
  });
});

test('a trainer that is disposed of saves nothing that begins at zero', async () => {
  await withFolder(async (directory) => {
    await withModel(training.model, layers, async (model) => {
      const trainer = model.trainer(training.trainer());
      const fit = trainer.fit(training.data(), {
        ...{ ...training.options, directory, checkpoint: { every: 4 } },
        onRecord: (record) => {
          if (record.type === 'step' && record.index === 8) trainer.dispose();
        },
      });
      await expectError(() => fit, 'ERR_BNLSTM_DISPOSED');
      expect(await readdir(directory)).not.toContain('step-00000008.safetensors');
      expect(await readdir(directory)).not.toContain('lock');
    });
  });
});

test('a run that could not begin leaves the place in the epoch', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'half.safetensors');
    await withModel(training.model, layers, async (model) => {
      const trainer = model.trainer(training.trainer());
      let steps = 0;
      for await (const _ of trainer.run(training.data(), training.options)) {
        if (++steps === 3) break;
      }
      await trainer.save(path);
    });
    await withModel(training.model, layers, async (model) => {
      const trainer = model.trainer(training.trainer());
      await trainer.restore(path);
      const signal = AbortSignal.abort(new Error('not now'));
      const run = trainer.run(training.data(), { ...training.options, signal });
      await expect(run.next()).rejects.toThrow('not now');
      const busy = join(folder, 'busy');
      await mkdir(busy);
      await writeFile(join(busy, 'step-00000001.safetensors'), '');
      await expectError(
        () => trainer.fit(training.data(), { ...training.options, directory: busy }),
        'ERR_BNLSTM_ARGUMENT',
      );
      const epochs: number[] = [];
      for await (const { epoch } of trainer.run(training.data(), training.options)) {
        epochs.push(epoch);
      }
      expect(epochs).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2]);
    });
  });
});

describe('batches that training has passed over', () => {
  test('stop: the run ends as it should, without population statistics', async () => {
    await withFolder(async (directory) => {
      const { result, records } = await trainAnew(withBad('stop', [good, bad]), { directory });
      expect(result.stoppedBy).toBe('not-finite');
      expect(kinds(records)).toContain('warning 2');
      expect(await readdir(directory)).toContain('model.safetensors');
    });
  });

  test('skip: a validation with population statistics is left out, with a warning', async () => {
    const { result, records } = await trainAnew(withBad('skip', [good, bad, good]), {
      validation: {
        data: { count: 5, batches: () => [good] },
        ...{ every: 2, statistics: 'population' },
      },
    });
    expect(result).toMatchObject({ stoppedBy: 'finished', validation: undefined });
    expect(records.find(({ type }) => type === 'warning')).toMatchObject({
      message: expect.stringContaining('no population statistics'),
    });
  });
});

describe('faults of others', () => {
  test('whatever a callback throws, the folder is given up and the error comes out', async () => {
    await withFolder(async (directory) => {
      const failing = trainAnew(training, {
        directory,
        onRecord: ({ type }) => (type === 'step' ? Promise.reject() : undefined),
      });
      expect(
        await failing.then(
          () => 'no',
          (error) => error,
        ),
      ).toBeUndefined();
      expect(await readdir(directory)).not.toContain('lock');
    });
  });

  test('one that throws at the end undoes nothing', async () => {
    await withFolder(async (directory) => {
      await withModel(training.model, layers, async (model) => {
        const fit = model.trainer(training.trainer()).fit(training.data(), {
          ...{ ...training.options, directory },
          ...{ validation: { data: valid }, earlyStopping: { patience: 9 } },
          onRecord: ({ type }) => {
            if (type === 'end') throw new Error('at the end');
          },
        });
        await expect(fit).rejects.toThrow('at the end');
        expect((await model.statistics()).status).toBe('fresh');
        const records = await readHistory(join(directory, 'history.jsonl'));
        const ends = records.flatMap((r) => (r.type === 'end' ? [r.stoppedBy] : []));
        expect(ends).toEqual(['finished']);
      });
    });
  });

  test('one that throws when a checkpoint is told is no fault of the checkpoint', async () => {
    await withFolder(async (directory) => {
      const failing = trainAnew(training, {
        ...{ directory, checkpoint: { onError: 'warn' } },
        onRecord: ({ type }) => {
          if (type === 'checkpoint') throw new Error('bug');
        },
      });
      await expect(failing).rejects.toThrow('bug');
    });
  });

  test('a report that cannot be written is a warning', async () => {
    await withFolder(async (directory) => {
      await mkdir(join(directory, 'report.html'));
      const { result, records } = await trainAnew(training, { directory });
      expect(result.stoppedBy).toBe('finished');
      expect(records.at(-1)).toMatchObject({ message: expect.stringMatching(/^no report: /) });
    });
  });

  test("with onError: 'warn' the best model is written if it can be", async () => {
    await withFolder(async (directory) => {
      await mkdir(join(directory, 'best.safetensors', 'in-the-way'), { recursive: true });
      const options = { directory, validation: { data: valid } } as const;
      await expectError(() => trainAnew(training, options), 'ERR_BNLSTM_IO', /best.safetensors/);
      const { result, records } = await trainAnew(training, {
        ...{ ...options, resume: true, checkpoint: { onError: 'warn' } },
      });
      expect(result.stoppedBy).toBe('finished');
      expect(records.find(({ type }) => type === 'warning')).toMatchObject({
        message: expect.stringMatching(/^no best.safetensors: /),
      });
    });
  });
});

describe('what a checkpoint says of the way of computing', () => {
  const changed =
    (change: (record: Record<string, unknown>) => void) =>
    async (use: (directory: string) => Promise<void>) =>
      withFolder(async (directory) => {
        const { result } = await trainUntil(training, 5, { directory });
        const path = result.checkpoint as string;
        const { tensors, metadata } = await readSafetensors(path);
        const record = JSON.parse(metadata.training);
        change(record);
        await writeSafetensors(path, tensors, { ...metadata, training: JSON.stringify(record) });
        await use(directory);
      });

  test('plan and device, and the version', async () => {
    await withFolder(async (directory) => {
      const { result } = await trainUntil(training, 5, { directory });
      const { record } = (await contentOf(result.checkpoint as string)) as {
        record: Record<string, unknown>;
      };
      expect(record).toMatchObject({
        ...{ device: expect.stringMatching(/^cpu:/), version: expect.stringMatching(/^\d/) },
        plan: {
          ...{ shape: { size: 8, steps: 8, lengths: false }, recompute: 'none' },
          ops: expect.arrayContaining([expect.stringMatching(/^0 bnLstm: /)]),
        },
      });
    });
  });

  test('another plan is refused', () =>
    changed((record) => {
      (record.plan as { ops: string[] }).ops[0] = '0 bnLstm: by hand';
    })(async (directory) => {
      const resumed = () => trainAnew(training, { directory, resume: true });
      await expectError(resumed, 'ERR_BNLSTM_CHECKPOINT', /plan: expected .*by hand/);
    }));

  test('a plan that the device lacks is refused when a run is to go on', () =>
    changed(() => {})(async (directory) => {
      const model = { ...training.model, device: 'cpu', plan: 'steps' } as const;
      const resumed = () => trainAnew({ ...training, model }, { directory, resume: true });
      await expectError(resumed, 'ERR_BNLSTM_UNSUPPORTED', /^plan: expected 'auto', got 'steps'/);
    }));

  test('another version is a warning', () =>
    changed((record) => {
      record.version = '0.0.1';
    })(async (directory) => {
      const { records } = await trainAnew(training, { directory, resume: true });
      expect(records[0]).toMatchObject({
        message: expect.stringContaining('written by bnlstm 0.0.1'),
      });
    }));

  test('the best weights are in it only where they are to be put back', async () => {
    const names = (earlyStopping: { patience: number } | undefined) =>
      withFolder(async (directory) => {
        const { result } = await trainAnew(training, {
          ...{ directory, validation: { data: valid }, earlyStopping },
        });
        const { tensors } = await readSafetensors(result.checkpoint as string);
        return [...tensors.keys()].filter((name) => name.startsWith('training.best.'));
      });
    expect(await names(undefined)).toEqual([]);
    expect(await names({ patience: 5 })).toContain('training.best.0.wx');
  });
});

test('a run of iterations that ends with an epoch has its last validation', async () => {
  const options = { epochs: undefined, validation: { data: valid } };
  const validations = async (iterations: number) => {
    const { records } = await trainAnew(training, { ...options, iterations });
    return kinds(records).filter((kind) => kind.startsWith('validation'));
  };
  expect(await validations(12)).toEqual(['validation 6', 'validation 12']);
  expect(await validations(8)).toEqual(['validation 6', 'validation 8']);
});

test('the time of a turn is that of its steps', async () => {
  const { records } = await trainAnew(training, { onRecord: () => sleep(60) });
  const seconds = records.flatMap((r) => (r.type === 'step' ? [r.seconds] : []));
  expect(seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)]).toBeLessThan(0.06);
});

describe('what can never happen is refused at once', () => {
  const reals: Training = {
    ...training,
    trainer: () => ({ loss: meanSquaredError(), optimizer: adam({ learningRate: 1e-3 }) }),
    data: (): DataSource => {
      throw new Error('read');
    },
  };
  const listening = (monitor: 'loss' | 'accuracy') => ({
    loss: meanSquaredError(),
    optimizer: adam({
      learningRate: plateau({ learningRate: 1e-3, factor: 0.5, patience: 1, monitor }),
    }),
  });

  test('accuracy of a loss without classes', async () => {
    const never: DataSource = { count: 1, batches: () => [] };
    const refused = (trainer: Training['trainer'], earlyStopping: object | undefined) =>
      expectError(
        () =>
          trainAnew({ ...reals, trainer, data: () => never } as Training, {
            ...{ validation: { data: never } },
            ...(earlyStopping && { earlyStopping: earlyStopping as never }),
          }),
        'ERR_BNLSTM_ARGUMENT',
        /monitor: expected 'loss'/,
      );
    await refused(reals.trainer, { monitor: 'accuracy', patience: 1 });
    await refused(() => listening('accuracy'), undefined);
  });

  test('a schedule that listens where nobody validates', async () => {
    await withModel(training.model, layers, async (model) => {
      const before = await weights(model);
      const trainer = model.trainer({ ...listening('loss'), loss: crossEntropy() });
      const data = training.data();
      const options = training.options;
      const message = /learningRate: expected a schedule that needs no validation.*got plateau/;
      expect(() => trainer.run(data, options)).toThrow(message);
      const [batch] = recall(8, 1).batches({ batchSize: 8 }) as Iterable<Batch>;
      await expectError(() => trainer.step(batch), 'ERR_BNLSTM_ARGUMENT', message);
      await expectError(
        () => trainer.fit(data, options),
        'ERR_BNLSTM_ARGUMENT',
        /fit: validation: expected data for the schedule/,
      );
      expect(await weights(model)).toEqual(before);
    });
  });
});
