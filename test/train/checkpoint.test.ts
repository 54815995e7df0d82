import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adam,
  BnLstmError,
  bnLstm,
  crossEntropy,
  linear,
  load,
  plateau,
  textStream,
} from '../../lib/index.js';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lib/io/safetensors.js';
import { expectError, weights, withModel } from '../model/support.js';
import { type Training, trainAnew, trainUntil, withFolder } from './fit_support.js';

const text = (seed: number) =>
  textStream(
    Int32Array.from({ length: 200 }, (_, i) => (i * i + seed) % 5),
    { steps: 6 },
  );

/** With everything that a checkpoint can hold. */
const training: Training = {
  model: { vocabulary: 5, seed: 3 },
  layers: [bnLstm({ hidden: 4, maxSteps: 6, statDecay: 0.9 }), linear(5)],
  trainer: () => ({
    loss: crossEntropy(),
    optimizer: adam({
      learningRate: plateau({ learningRate: 1e-2, factor: 0.5, patience: 2 }),
    }),
    clipNorm: 1,
  }),
  data: () => text(0),
  options: {
    ...{ batchSize: 3, epochs: 3, carryState: true },
    validation: { data: text(1), every: 4 },
    earlyStopping: { patience: 5 },
  },
};

type Metadata = Record<string, string>;
type Tensors = Map<string, Tensor>;

/** A checkpoint, changed by hand, and sealed with a right checksum. */
async function withChanged(
  change: (tensors: Tensors, metadata: Metadata) => void,
  use: (path: string, directory: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (directory) => {
    const { result } = await trainUntil(training, 13, { directory, checkpoint: { keep: 1 } });
    const path = result.checkpoint as string;
    const { tensors, metadata } = await readSafetensors(path);
    change(tensors, metadata);
    await writeSafetensors(path, tensors, metadata);
    await use(path, directory);
  });
}

/** Changes the record in the metadata. */
const inRecord =
  // biome-ignore lint/suspicious/noExplicitAny: what is written is meant to be wrong
  (change: (record: any) => void) => (_: Tensors, metadata: Metadata) => {
    const record = JSON.parse(metadata.training);
    change(record);
    metadata.training = JSON.stringify(record);
  };

const retype = (name: string, length: number) => (tensors: Tensors) => {
  tensors.set(name, { dtype: 'F32', shape: [length], data: new Float32Array(length) });
};

test('names of its tensors, as docs/files.md has them', async () => {
  await withChanged(
    () => {},
    async (path) => {
      const { tensors } = await readSafetensors(path);
      const own = [...tensors.keys()].filter((name) => name.startsWith('training.'));
      expect(own.filter((name) => !name.startsWith('training.best.'))).toEqual([
        'training.state',
        'training.optimizer.0',
        'training.optimizer.1',
        'training.carried',
        'training.carried_steps',
      ]);
      const model = [...tensors.keys()].filter((name) => !name.startsWith('training.'));
      expect(own.filter((name) => name.startsWith('training.best.'))).toEqual(
        model.map((name) => `training.best.${name}`),
      );
      await (await load(path)).dispose();
    },
  );
});

describe('a checkpoint that is not right is refused, and nothing has changed', () => {
  test.each([
    [
      'no JSON',
      (_: Tensors, m: Metadata) => {
        m.training = '{';
      },
      /JSON/,
    ],
    [
      'no object',
      (_: Tensors, m: Metadata) => {
        m.training = '7';
      },
      /training: expected an object/,
    ],
    [
      'steps',
      inRecord((r) => {
        r.steps = -1;
      }),
      /training: steps: expected an integer ≥ 0, got -1/,
    ],
    [
      'cursor',
      inRecord((r) => {
        r.cursor.epoch = 0.5;
      }),
      /cursor.epoch/,
    ],
    [
      'no cursor',
      inRecord((r) => {
        delete r.cursor;
      }),
      /cursor.epoch.*undefined/,
    ],
    [
      'norms',
      inRecord((r) => {
        r.norms = 'many';
      }),
      /training: norms/,
    ],
    [
      'the schedule',
      inRecord((r) => {
        r.schedule = { best: 'x' };
      }),
      /training: schedule/,
    ],
    [
      'rows carried',
      inRecord((r) => {
        r.carriedRows = 1e9;
      }),
      /carried/,
    ],
    [
      'the loop',
      inRecord((r) => {
        r.loop.begin = 3;
      }),
      /loop.begin/,
    ],
    [
      'the best result',
      inRecord((r) => {
        r.loop.best.result.loss = 'low';
      }),
      /best.result.loss/,
    ],
    [
      'the status of the best',
      inRecord((r) => {
        r.loop.best.status = 'good';
      }),
      /best: status/,
    ],
    [
      'a missing slot',
      (t: Tensors) => {
        t.delete('training.optimizer.1');
      },
      /training.optimizer.1: expected .*got none/,
    ],
    [
      'a slot of another size',
      retype('training.optimizer.0', 3),
      /training.optimizer.0: expected Float32Array of/,
    ],
    [
      'the state of another type',
      retype('training.state', 4),
      /training.state: expected Int32Array of 4/,
    ],
    ['carried state of another size', retype('training.carried', 5), /training.carried: /],
    ['carried steps', retype('training.carried_steps', 3), /training.carried_steps/],
    [
      'a best tensor',
      (t: Tensors) => {
        t.delete('training.best.1.w');
      },
      /training.best.1.w is missing/,
    ],
    ['a best tensor too many', retype('training.best.9.w', 1), /training.best.9.w is too much/],
    [
      'a tensor of the model',
      (t: Tensors) => {
        t.delete('1.w');
      },
      /1.w is missing/,
    ],
  ] as [string, (tensors: Tensors, metadata: Metadata) => void, RegExp][])(
    '%s',
    async (_, change, message) => {
      await withChanged(change, async (path, directory) => {
        await withModel(training.model, training.layers, async (model) => {
          const trainer = model.trainer(training.trainer());
          const before = await weights(model);
          await expectError(() => trainer.restore(path), 'ERR_BNLSTM_FORMAT', message);
          expect(await weights(model)).toEqual(before);
          const resumed = trainer.fit(text(0), { ...training.options, directory, resume: true });
          await expectError(() => resumed, 'ERR_BNLSTM_FORMAT', message);
        });
      });
    },
  );

  test('whatever is changed in its record', async () => {
    await withFolder(async (directory) => {
      const { result } = await trainUntil(training, 5, { directory });
      const path = result.checkpoint as string;
      const { tensors, metadata } = await readSafetensors(path);
      await withModel(training.model, training.layers, async (model) => {
        const trainer = model.trainer(training.trainer());
        const changed = join(directory, 'changed.safetensors');
        await fc.assert(
          fc.asyncProperty(fc.nat(), fc.jsonValue({ maxDepth: 2 }), async (place, value) => {
            const record = JSON.parse(metadata.training);
            replace(record, place, value);
            await writeSafetensors(changed, tensors, {
              ...metadata,
              training: JSON.stringify(record),
            });
            const error = await trainer.restore(changed).catch((thrown) => thrown);
            if (error !== undefined) {
              expect(error).toBeInstanceOf(BnLstmError);
              expect(['ERR_BNLSTM_FORMAT', 'ERR_BNLSTM_CHECKPOINT']).toContain(error.code);
            }
          }),
          { numRuns: 200 },
        );
      });
    });
  });
});

/** Puts a value in one of all places of an object. */
function replace(root: Record<string, unknown>, place: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const visit = (object: Record<string, unknown>) => {
    for (const key of Object.keys(object)) {
      places.push([object, key]);
      const inner = object[key];
      if (typeof inner === 'object' && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  visit(root);
  const [object, key] = places[place % places.length];
  object[key] = value;
}

test('a checkpoint of another training is refused whatever else is right', async () => {
  await withFolder(async (directory) => {
    const { result } = await trainAnew(training, { directory });
    await withModel({ vocabulary: 6, seed: 3 }, training.layers, async (model) => {
      const trainer = model.trainer(training.trainer());
      await expectError(
        () => trainer.restore(result.checkpoint as string),
        'ERR_BNLSTM_CHECKPOINT',
        /input: expected {"vocabulary":5}, got {"vocabulary":6}/,
      );
    });
  });
});
