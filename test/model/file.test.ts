import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bidirectional,
  bnLstm,
  dropout,
  embedding,
  identity,
  type Layer,
  lastStep,
  linear,
  load,
  lstm,
  type Model,
  type ModelOptions,
} from '../../lib/index.js';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lib/io/safetensors.js';
import { native } from '../../lib/native.js';
import { expectError, noiseBatch, noiseData, trainerOf, weights, withModel } from './support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-'));
});
afterAll(() => rm(folder, { recursive: true }));

const reals = { features: 3, seed: 4 };
const classifier = [
  bnLstm({ hidden: 5, maxSteps: 6, recurrentInit: identity({ gates: ['g'] }), statDecay: 0.9 }),
  dropout(0.2),
  lastStep(),
  linear(4),
];

async function withLoaded(path: string, use: (model: Model) => Promise<void>): Promise<void> {
  const model = await load(path);
  try {
    await use(model);
  } finally {
    await model.dispose();
  }
}

describe('save and load', () => {
  const models: [string, ModelOptions, Layer[]][] = [
    ['classifier', reals, classifier],
    ['plain', reals, [lstm({ hidden: 4, cellBias: false, trainInitialCell: false }), lastStep()]],
    [
      'stack',
      { vocabulary: 7 },
      [
        embedding(3),
        bidirectional(bnLstm({ hidden: 3, maxSteps: 4, inputStatistics: 'sequence' })),
        bnLstm({ hidden: 2, maxSteps: 5, lengthStatistics: 'all' }),
        linear(2, { bias: false }),
      ],
    ],
  ];

  test.each(models)('%s: the same bits, names and statistics', async (name, input, layers) => {
    const path = join(folder, `${name}.safetensors`);
    const batch =
      input.vocabulary === undefined
        ? noiseBatch({ count: 8 })
        : { inputs: new Int32Array(48).map((_, i) => (i * i) % 7), size: 8, steps: 6 };
    await withModel(input, layers, async (model) => {
      if (name === 'classifier') await trainerOf(model).step(noiseBatch({ count: 8 }));
      await model.estimateStatistics({ count: 8, batches: () => [batch] });
      const outputs = await model.predict(batch);
      await model.save(path);
      await withLoaded(path, async (again) => {
        expect(again.parameters).toEqual(model.parameters);
        expect(again.summary()).toBe(model.summary());
        expect(await weights(again)).toEqual(await weights(model));
        expect(await again.statistics()).toEqual(await model.statistics());
        expect(await again.predict(batch)).toEqual(outputs);
        const copy = `${path}.copy`;
        await again.save(copy);
        expect(await readFile(copy)).toEqual(await readFile(path));
      });
    });
  });

  test('moving statistics, and the random numbers that come next', async () => {
    const path = join(folder, 'moving.safetensors');
    const data = noiseData({ count: 8 });
    await withModel(reals, classifier, async (model) => {
      await trainerOf(model).step(noiseBatch({ count: 8 }));
      await model.save(path);
      const moving = await model.evaluate(data, { statistics: 'moving' });
      await withLoaded(path, async (again) => {
        expect(await again.evaluate(data, { statistics: 'moving' })).toEqual(moving);
        // The trainers are new, so only the dropout mask could differ.
        const [one, two] = [model, again].map((m) => trainerOf(m).step(noiseBatch({ count: 8 })));
        expect((await two).loss).toBe((await one).loss);
      });
    });
  });

  test('the status is kept', async () => {
    const path = join(folder, 'status.safetensors');
    await withModel(reals, classifier, async (model) => {
      const check = async (status: string) => {
        await model.save(path);
        await withLoaded(path, async (again) => {
          expect((await again.statistics()).status).toBe(status);
        });
      };
      await check('missing');
      await model.estimateStatistics(noiseData({ count: 8 }));
      await check('fresh');
      await model.set('3.b', new Float32Array(4));
      await check('stale');
      await withLoaded(path, async (again) => {
        await again.evaluate(noiseData({ count: 8 }), { allowStale: true });
        await expectError(
          () => again.evaluate(noiseData({ count: 8 })),
          'ERR_BNLSTM_STATISTICS_STALE',
        );
      });
    });
  });

  test('the file is plain safetensors, with the promised names', async () => {
    const path = join(folder, 'names.safetensors');
    await withModel(reals, classifier, async (model) => {
      await model.estimateStatistics(noiseData({ count: 8 }));
      await model.save(path);
    });
    const { tensors, metadata } = await readSafetensors(path);
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({
      '0.wx': [3, 20],
      '0.wh': [5, 20],
      '0.gamma_c': [5],
      '3.w': [5, 4],
      'statistics.0.recurrent_mean': [6, 20],
      'statistics.0.cell_var': [6, 5],
      'moving.0.input_var': [6, 20],
    });
    expect(metadata.format).toBe('bnlstm');
  });
});

describe('a file that is wrong', () => {
  const path = () => join(folder, 'wrong.safetensors');

  /** Saves a model, changes what the file says, and expects `load` to refuse it. */
  async function refused(
    change: (tensors: Map<string, Tensor>, metadata: Record<string, string>) => void,
    message: RegExp,
  ): Promise<void> {
    await withModel(reals, classifier, (model) => model.save(path()));
    const { tensors, metadata } = await readSafetensors(path());
    change(tensors, metadata);
    await writeSafetensors(path(), tensors, metadata);
    const before = native().counts().streams;
    await expectError(() => load(path()), 'ERR_BNLSTM_FORMAT', message);
    expect(native().counts().streams).toBe(before);
  }
  const tensor = (...shape: number[]): Tensor => ({
    dtype: 'F32',
    shape,
    data: new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
  });

  test('every difference in its tensors is listed', async () => {
    await refused((tensors) => {
      tensors.delete('0.b');
      tensors.delete('3.w');
      tensors.set('0.wx', tensor(20, 3));
      tensors.set('5.w', tensor(1));
    }, /wrong\.safetensors: .*0\.b is missing; 3\.w is missing; 5\.w is too much; 0\.wx is F32 \[20, 3\], expected F32 \[3, 20\]$/);
  });

  test('statistics that it says to have', async () => {
    await refused((_, metadata) => {
      metadata.statistics = 'fresh';
    }, /statistics\.0\.recurrent_mean is missing/);
  });

  test('not a safetensors file, or none at all', async () => {
    await writeFile(path(), 'hello, world');
    await expectError(() => load(path()), 'ERR_BNLSTM_FORMAT');
    await expectError(() => load(join(folder, 'nowhere')), 'ERR_BNLSTM_IO', /nowhere/);
    await expectError(() => load(3 as never), 'ERR_BNLSTM_ARGUMENT', /path/);
    await expectError(
      () => load(path(), { devise: 'cpu' } as never),
      'ERR_BNLSTM_ARGUMENT',
      /devise/,
    );
  });
});

test('a save that fails leaves nothing behind', async () => {
  await withModel(reals, classifier, async (model) => {
    const before = await readdir(folder);
    await expectError(() => model.save(join(folder, 'no', 'where')), 'ERR_BNLSTM_IO');
    expect(await readdir(folder)).toEqual(before);
  });
});
