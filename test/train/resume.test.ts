import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { recallTask } from '../../lib/data/recall.js';
import {
  adam,
  adamw,
  type Batch,
  bnLstm,
  cosine,
  crossEntropy,
  type DataSource,
  dropout,
  type FitOptions,
  type HistoryRecord,
  lastStep,
  linear,
  lstm,
  plateau,
  rmsprop,
  type SeekableSource,
  sequenceData,
  sgd,
  textStream,
} from '../../lib/index.js';
import { expectError, noiseData } from '../model/support.js';
import { contentOf, type Training, trainAnew, trainUntil, withFolder } from './fit_support.js';

const recall = (count: number, seed: number) =>
  recallTask({ steps: 8, classes: 4, symbols: 6, count, seed });

const base: Training = {
  model: { vocabulary: 6, seed: 3 },
  layers: [bnLstm({ hidden: 6, maxSteps: 8, initialNoise: 0.1 }), lastStep(), linear(4)],
  trainer: () => ({
    loss: crossEntropy(),
    optimizer: adam({ learningRate: 1e-2 }),
    clipNorm: 1,
  }),
  data: () => recall(53, 1),
  options: { batchSize: 8, epochs: 3, checkpoint: { every: 4 } }, // 6 batches to an epoch
};

const validation = { data: recall(20, 2), every: 5 };

const lengths = [3, 8, 5, 5, 2, 7, 8, 4, 6, 1, 8, 3, 5, 2, 6, 7, 4, 8, 3, 5, 6, 2, 7, 5, 4, 8, 1];

/** Everything that could be lost on the way, one at a time. */
const trainings: Readonly<Record<string, Training>> = {
  'batch statistics, noise, Adam': base,
  'dropout and zoneout': {
    ...base,
    layers: [
      bnLstm({ hidden: 6, maxSteps: 8, zoneoutHidden: 0.2, zoneoutCell: 0.1 }),
      dropout(0.3),
      lastStep(),
      linear(4),
    ],
  },
  'moving statistics': {
    ...base,
    layers: [bnLstm({ hidden: 6, maxSteps: 8, statDecay: 0.8 }), lastStep(), linear(4)],
  },
  'validation, early stopping, a plateau schedule': {
    ...base,
    trainer: () => ({
      loss: crossEntropy(),
      optimizer: rmsprop({
        learningRate: plateau({ learningRate: 0.3, factor: 0.5, patience: 1 }),
      }),
    }),
    options: {
      ...base.options,
      validation: { ...validation, every: 2 },
      earlyStopping: { patience: 4 },
    },
  },
  'population statistics in validation': {
    ...base,
    options: { ...base.options, validation: { ...validation, statistics: 'population' } },
  },
  'several batches to a step, with smaller steps at the end of epochs': {
    ...base,
    trainer: () => ({ ...base.trainer(), accumulate: 4 }),
    options: { batchSize: 8, epochs: 5, checkpoint: { every: 1 } },
  },
  'SGD with momentum and a cosine schedule': {
    ...base,
    trainer: () => ({
      loss: crossEntropy(),
      optimizer: sgd({
        learningRate: cosine({ learningRate: 0.1, steps: 18, warmup: 4 }),
        momentum: 0.9,
        nesterov: true,
      }),
    }),
  },
  'groups of parameters, AdamW': {
    ...base,
    trainer: () => ({
      loss: crossEntropy(),
      optimizer: adamw({ learningRate: 1e-2, weightDecay: 0.1 }),
      groups: [
        { match: '2', rateFactor: 0.5 },
        { match: '0.wx', frozen: true },
      ],
    }),
  },
  'carried state': {
    ...base,
    layers: [bnLstm({ hidden: 6, maxSteps: 8 }), lstm({ hidden: 5 }), linear(6)],
    data: () =>
      textStream(
        Int32Array.from({ length: 400 }, (_, i) => (i * i) % 6),
        { steps: 7 },
      ),
    options: { batchSize: 3, iterations: 29, carryState: true, checkpoint: { every: 4 } },
  },
  'carried state, several batches to a step': {
    ...base,
    layers: [lstm({ hidden: 5 }), linear(6)],
    trainer: () => ({ ...base.trainer(), accumulate: 3 }),
    data: () =>
      textStream(
        Int32Array.from({ length: 400 }, (_, i) => (i * i) % 6),
        { steps: 7 },
      ),
    options: { batchSize: 3, iterations: 12, carryState: true, checkpoint: { every: 4 } },
  },
  'sequences of different length in buckets, a merged last batch': {
    ...base,
    data: () =>
      sequenceData({
        inputs: lengths.map((length, n) => Int32Array.from({ length }, (_, t) => (n * t + n) % 6)),
        targets: Int32Array.from(lengths, (length) => length % 4),
        bucketBatches: 2,
      }),
    options: { batchSize: 4, epochs: 3, lastBatch: 'merge', checkpoint: { every: 4 } },
  },
  'carried state, with chunks that are skipped': {
    ...base,
    model: { features: 3, seed: 3 },
    layers: [lstm({ hidden: 5 }), lastStep(), linear(4)],
    trainer: () => ({ ...base.trainer(), onNaN: 'skip' }),
    data: () => chunksWithHoles(noiseData({ count: 48 }) as SeekableSource),
    options: { batchSize: 4, iterations: 12, carryState: true, checkpoint: { every: 4 } },
  },
  'steps that are skipped': {
    ...base,
    model: { features: 3, seed: 3 },
    trainer: () => ({ ...base.trainer(), onNaN: 'skip' }),
    data: () => withHoles(noiseData({ count: 53 }) as SeekableSource),
  },
};

/** Some batches of every epoch are not finite. */
function withHoles(data: SeekableSource): SeekableSource {
  return {
    count: data.count,
    seekable: true,
    *batches(options) {
      for (const batch of data.batches(options) as Iterable<Batch>) {
        const { inputs } = batch;
        yield inputs[0] > 0.8 ? { ...batch, inputs: inputs.map(() => Number.NaN) } : batch;
      }
    },
  };
}

/** Chunks of which the sixth and seventh, where sequences start, are not finite. */
function chunksWithHoles(data: SeekableSource): SeekableSource {
  return {
    count: data.count,
    seekable: true,
    *batches(options) {
      let index = options.skip ?? 0;
      for (const batch of data.batches(options) as Iterable<Batch>) {
        index++;
        const { inputs } = batch;
        const reset = Uint8Array.of(0, Number(index === 6), 0, Number(index === 7));
        const bad = index === 6 || index === 7;
        yield { ...batch, reset, ...(bad && { inputs: inputs.map(() => Number.NaN) }) };
      }
    },
  };
}

/** The same training, which is aborted when its `nth` batch is read, for whatever it is read. */
function abortedAt(training: Training, nth: number, throws: boolean) {
  const controller = new AbortController();
  const { signal } = controller;
  let read = 0;
  let place = 'nowhere';
  const hook = (data: DataSource, name: string): DataSource => ({
    count: data.count,
    seekable: true,
    *batches(options) {
      for (const batch of data.batches(options) as Iterable<Batch>) {
        if (++read === nth) {
          place = name;
          controller.abort(new Error('enough'));
        }
        if (throws) signal.throwIfAborted();
        yield batch;
      }
    },
  });
  const { validation } = training.options;
  const options: FitOptions = {
    ...training.options,
    ...(validation && {
      validation: { ...validation, data: hook(validation.data, 'validation') },
    }),
  };
  const hooked = { ...training, data: () => hook(training.data(), 'training'), options };
  return { hooked, signal, placeOf: () => place };
}

describe('a run that was interrupted and goes on has the bits of one that was not', () => {
  test.each(Object.entries(trainings))('%s', async (_, training) => {
    await withFolder(async (folder) => {
      const whole = join(folder, 'whole');
      const { result: expected, records } = await trainAnew(training, { directory: whole });
      const checkpoint = await contentOf(expected.checkpoint as string);
      const model = await contentOf(join(whole, 'model.safetensors'));
      for (const stops of [[6], [1, 3, 9], [7]]) {
        const directory = join(folder, stops.join('-'));
        for (const [nth, stop] of stops.entries()) {
          const { result } = await trainUntil(training, stop, { directory, resume: nth > 0 });
          expect(result).toMatchObject({ stoppedBy: 'aborted', index: stop });
        }
        const { result, records: rest } = await trainAnew(training, { directory, resume: true });
        const { seconds: _, checkpoint: path, ...same } = result;
        expect(expected).toMatchObject(same);
        expect(await contentOf(path as string)).toEqual(checkpoint);
        expect(await contentOf(join(directory, 'model.safetensors'))).toEqual(model);
        expect(rest[0]).toMatchObject({ type: 'start', resumedAt: stops.at(-1) });
        const after = stops[stops.length - 1];
        const validations = (all: readonly HistoryRecord[]) =>
          all.filter((record) => record.type === 'validation' && record.index > after);
        expect(validations(rest)).toEqual(validations(records));
      }
    });
  });

  describe('aborted while data are read, by somebody else or by the source', () => {
    const ahead: Training = { ...base, options: { ...base.options, reportEvery: 7 } };
    test.each<[string, Training]>([
      ['with a step that ran ahead', ahead],
      [
        'with several batches to a step',
        { ...ahead, trainer: () => ({ ...base.trainer(), accumulate: 3 }) },
      ],
      [
        'within an estimate or a validation',
        {
          ...ahead,
          options: {
            ...ahead.options,
            validation: { data: recall(20, 2), every: 5, batchSize: 8, statistics: 'population' },
            earlyStopping: { patience: 9 },
          },
        },
      ],
    ])('%s', async (_, training) => {
      await withFolder(async (folder) => {
        const whole = join(folder, 'whole');
        const { result: expected } = await trainAnew(training, { directory: whole });
        const checkpoint = await contentOf(expected.checkpoint as string);
        const model = await contentOf(join(whole, 'model.safetensors'));
        const places = new Set<string>();
        for (const [nth, throws] of [3, 4, 5, 7, 9, 14, 16].flatMap((n) => [
          [n, 0],
          [n, 1],
        ])) {
          const directory = join(folder, `${nth}-${throws}`);
          const { hooked, signal, placeOf } = abortedAt(training, nth, throws === 1);
          const { result: first } = await trainAnew(hooked, { directory, signal });
          expect(first.stoppedBy).toBe('aborted');
          places.add(placeOf());
          const { result } = await trainAnew(training, { directory, resume: true });
          expect(await contentOf(result.checkpoint as string)).toEqual(checkpoint);
          expect(await contentOf(join(directory, 'model.safetensors'))).toEqual(model);
        }
        expect([...places].sort()).toEqual(
          training.options.validation ? ['training', 'validation'] : ['training'],
        );
      });
    });
  });

  test('one that is killed goes back to its last checkpoint', async () => {
    await withFolder(async (folder) => {
      const { result: expected } = await trainAnew(base, { directory: join(folder, 'whole') });
      const directory = join(folder, 'killed');
      // Thrown out of the loop: nothing is written afterwards but the end of the history.
      const dies = trainAnew(base, {
        directory,
        onRecord: (record) => {
          if (record.type === 'step' && record.index === 10) throw new Error('killed');
        },
      });
      await expect(dies).rejects.toThrow('killed');
      const { result, records } = await trainAnew(base, { directory, resume: true });
      expect(records[0]).toMatchObject({ type: 'start', resumedAt: 8 });
      expect(await contentOf(result.checkpoint as string)).toEqual(
        await contentOf(expected.checkpoint as string),
      );
    });
  });
});

describe('to resume is refused', () => {
  const interrupted = async (use: (directory: string) => Promise<void>, training = base) =>
    withFolder(async (directory) => {
      await trainUntil(training, 7, { directory });
      await use(directory);
    });
  const refused = (change: Partial<Training>, message: RegExp) =>
    interrupted(async (directory) => {
      const resumed = () => trainAnew({ ...base, ...change }, { directory, resume: true });
      await expectError(resumed, 'ERR_BNLSTM_CHECKPOINT', message);
    });

  test.each([
    [
      'other layers',
      { layers: [bnLstm({ hidden: 7, maxSteps: 8 }), lastStep(), linear(4)] },
      /layer 0: expected .*"hidden":6.* got .*"hidden":7/,
    ],
    ['another seed', { model: { ...base.model, seed: 4 } }, /seed: expected 3, got 4/],
    [
      'another optimizer and clipping',
      {
        trainer: () => ({ loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }) }),
      },
      /optimizer: expected .*adam.*got .*sgd.*clipNorm: expected 1, got 0/,
    ],
    [
      'another device',
      { model: { ...base.model, device: 'cpu:portable' } },
      /device: expected "cpu.*", got "cpu:portable"/,
    ],
    [
      'another batch size',
      { options: { ...base.options, batchSize: 9 } },
      /fit: batchSize: expected 8, got 9/,
    ],
  ] as [string, Partial<Training>, RegExp][])('with %s', (_, change, message) =>
    refused(change, message),
  );

  test('on a source that cannot, but not on one with resume()', async () => {
    const source = (): DataSource => {
      const data = recall(53, 1);
      return { count: data.count, batches: (options) => data.batches(options) };
    };
    const training = { ...base, data: source };
    await interrupted(async (directory) => {
      const resumed = () => trainAnew(training, { directory, resume: true });
      await expectError(resumed, 'ERR_BNLSTM_NOT_RESUMABLE', /after batch 1 of epoch 2/);
      const resumable = {
        ...base,
        data: (): DataSource => ({
          ...source(),
          resume: ({ batches }, options) => recall(53, 1).batches({ ...options, skip: batches }),
        }),
      };
      const { result } = await trainAnew(resumable, { directory, resume: true });
      await withFolder(async (whole) => {
        const { result: expected } = await trainAnew(base, { directory: whole });
        expect(await contentOf(result.checkpoint as string)).toEqual(
          await contentOf(expected.checkpoint as string),
        );
      });
    }, training);
  });
});
