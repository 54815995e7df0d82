import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../lib/cli/train/config.js';
import { trainFlags } from '../../../lib/cli/train/flags.js';
import { trainJsonSchema } from '../../../lib/cli/train/json_schema.js';
import { runSchema } from '../../../lib/cli/train/schema.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes a configuration file. */
async function write(content: unknown): Promise<string> {
  const file = join(folder, 'run.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const mnist = { data: { kind: 'mnist' } };

describe('readConfig', () => {
  it('fills in what was not said', async () => {
    expect(await readConfig({ kind: 'mnist' })).toEqual({
      data: { kind: 'mnist', pixelOrder: 'scanline', permutationSeed: 1 },
      task: {},
      model: {
        kind: 'bn-lstm',
        hidden: 100,
        layers: 1,
        bidirectional: false,
        dropout: 0,
        zoneoutCell: 0,
        zoneoutHidden: 0,
        forgetBias: 1,
        dtype: 'f32',
        gammaInit: 0.1,
        inputStatistics: 'step',
        eps: 1e-5,
      },
      optimizer: { kind: 'rmsprop', learningRate: 1e-3, decay: 0.9 },
      schedule: { kind: 'constant' },
      training: {
        batchSize: 100,
        epochs: 10,
        shuffle: true,
        lastBatch: 'drop',
        clipNorm: 1,
        accumulate: 1,
        recompute: 'auto',
        onNaN: 'throw',
        reportEvery: 1,
      },
      validation: { batchSize: 500, statistics: 'batch' },
      checkpoint: { keep: 3 },
      statistics: { batchSize: 500 },
      seed: 1,
      device: 'auto',
      plan: 'auto',
    });
  });

  it('gives what it has written', async () => {
    const config = await readConfig({ kind: 'mnist', flags: { patience: '3', seed: '7' } });
    expect(await readConfig({ file: await write(config) })).toEqual(config);
  });

  it('lets flags win over the file', async () => {
    const file = await write({
      ...mnist,
      $schema: '../schema/train.schema.json',
      model: { kind: 'lstm', hidden: 5, layers: 2 },
      training: { iterations: 7, batchSize: 3 },
    });
    const flags = { hidden: '6', epochs: '2', 'no-shuffle': true, recompute: '25' };
    const config = await readConfig({ file, flags: { ...flags, plan: 'steps' } });
    expect(config.plan).toBe('steps');
    expect(config.model).toMatchObject({ kind: 'lstm', hidden: 6, layers: 2 });
    expect(config.training).toMatchObject({ epochs: 2, batchSize: 3, shuffle: false });
    expect(config.training).toMatchObject({ recompute: 25 });
    expect(config.training.iterations).toBeUndefined();
    expect(config).not.toHaveProperty('$schema');
  });

  it('keeps the passes after training to the rows that a plan holds, unless told otherwise', async () => {
    for (const plan of ['persistent', 'overlapped']) {
      const flags = { plan, 'validation-batch-size': '7' };
      const config = await readConfig({ kind: 'mnist', flags });
      expect(config.validation).toEqual({ batchSize: 7, statistics: 'batch' });
      expect(config.statistics).toEqual({ batchSize: 128 });
    }
    const file = await write({ ...mnist, plan: 'persistent', statistics: { batchSize: 200 } });
    const { validation, statistics } = await readConfig({ file });
    expect([validation.batchSize, statistics.batchSize]).toEqual([128, 200]);
  });

  it('takes other data altogether where another kind is named', async () => {
    const file = await write({ data: { kind: 'csv', train: 'a.csv', targets: 'y' } });
    expect((await readConfig({ file, kind: 'mnist' })).data).toMatchObject({ kind: 'mnist' });
  });

  it('reads paths in a file from where the file lies, and those of flags from here', async () => {
    const file = await write({ data: { kind: 'csv', train: 'a.csv', targets: 'y' } });
    const { data } = await readConfig({ file, flags: { validation: 'b.csv' } });
    expect(data).toMatchObject({
      train: join(folder, 'a.csv'),
      validation: join(process.cwd(), 'b.csv'),
    });
  });

  it.each([
    [{ ...mnist, modle: {} }, ': modle: expected only known options, got "modle"'],
    [{ ...mnist, model: { kind: 'gru' } }, ': model.kind: expected "bn-lstm" or "lstm", got "gru"'],
    [{ ...mnist, model: { hidden: 5 } }, ': model.kind: expected "bn-lstm" or "lstm", got nothing'],
    [
      { ...mnist, model: { kind: 'lstm', gammaInit: 1 } },
      ': model.gammaInit: expected only known options of model "lstm", got "gammaInit"',
    ],
    [
      { ...mnist, model: { kind: 'lstm', hidden: '5' } },
      ': model.hidden: expected a number, got "5"',
    ],
    [
      { ...mnist, model: { kind: 'lstm', hidden: 1.5 } },
      ': model.hidden: expected an integer, got 1.5',
    ],
    [
      { ...mnist, model: { kind: 'lstm', hidden: 0 } },
      ': model.hidden: expected a number ≥ 1, got 0',
    ],
    [
      { ...mnist, model: { kind: 'lstm', dropout: 1 } },
      ': model.dropout: expected a number < 1, got 1',
    ],
    [
      { ...mnist, training: { recompute: true } },
      ': training.recompute: expected "auto" or "none" or "inputs" or "all" or a number, got true',
    ],
    [
      { ...mnist, plan: 'fast' },
      ': plan: expected "auto" or "steps" or "persistent" or "overlapped", got "fast"',
    ],
    [{ ...mnist, training: 4 }, ': training: expected an object, got 4'],
    [{ ...mnist, training: { shuffle: 1 } }, ': training.shuffle: expected true or false, got 1'],
    [
      { data: { kind: 'csv', train: 'a.csv' } },
      ': data.targets: expected a string or a number or an array, got nothing',
    ],
    [
      { data: { kind: 'csv', train: 'a.csv', targets: 'y', inputs: 'x' } },
      ': data.inputs: expected an array, got "x"',
    ],
    [{}, ': data: expected an object, got nothing'],
  ])('refuses %j', async (content, message) => {
    const file = await write(content);
    await expect(readConfig({ file })).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message: file + message,
    });
  });

  it.each([
    ['{"data": {"kind": "mnist"},}', 'it is not JSON: '],
    ['[]', 'it is not a JSON object'],
    ['{"seed": 1, "seed": 2}', 'it has "seed" twice'],
  ])('refuses the text %s', async (content, message) => {
    const file = await write(content);
    await expect(readConfig({ file })).rejects.toMatchObject({
      code: 'ERR_BNLSTM_FORMAT',
      message: expect.stringContaining(`${file}: ${message}`),
    });
  });

  it('says which file it cannot read', async () => {
    const file = join(folder, 'none.json');
    await expect(readConfig({ file })).rejects.toMatchObject({
      code: 'ERR_BNLSTM_IO',
      message: expect.stringContaining(file),
    });
  });

  it.each([
    [{ hidden: 'many' }, '--hidden: expected a number, got "many"'],
    [{ hidden: '0' }, '--hidden: expected a number ≥ 1, got 0'],
    [{ order: 'random' }, '--order: expected "scanline" or "permuted" or "authors", got "random"'],
    [
      { model: 'lstm', gamma: '1' },
      '--gamma: expected only known options of model "lstm", got "gammaInit"',
    ],
    [
      { optimizer: 'sdg' },
      '--optimizer: expected "rmsprop" or "adam" or "adamw" or "sgd", got "sdg"',
    ],
    [{ inputs: 'x.npy' }, '--inputs: expected only known options of data "mnist", got "train"'],
    [
      { epochs: '1', iterations: '1' },
      'training: iterations, epochs: expected one of them, got both',
    ],
    [{ monitor: 'accuracy' }, 'earlyStopping.patience: expected a number, got nothing'],
  ])('refuses the flags %j', async (flags, message) => {
    await expect(readConfig({ kind: 'mnist', flags })).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message,
    });
  });

  it('asks for the kind of data', async () => {
    await expect(readConfig({})).rejects.toThrow('train: expected mnist, csv or npy, or --config');
    await expect(readConfig({ kind: 'mnits' })).rejects.toThrow('got "mnits"');
  });
});

describe('the flags', () => {
  /** All objects that a configuration can have at a place. */
  function objectsAt(schema: unknown, [key, ...rest]: readonly string[]): boolean {
    interface Node {
      properties?: Record<string, unknown>;
      oneOf?: unknown[];
      anyOf?: unknown[];
    }
    const node = schema as Node;
    const choices = node.oneOf ?? node.anyOf ?? [node];
    return choices.some((choice) => {
      const next = (choice as Node).properties?.[key];
      return next !== undefined && (rest.length === 0 || objectsAt(next, rest));
    });
  }

  it.each(Object.entries(trainFlags))('--%s stands for something', (_, { path }) => {
    expect(objectsAt(trainJsonSchema(), path.split('.'))).toBe(true);
  });
});

describe('schema/train.schema.json', async () => {
  const text = await readFile(
    new URL('../../../schema/train.schema.json', import.meta.url),
    'utf8',
  );

  it('is that of the code: else run `npm run schema`', () => {
    expect(text).toBe(`${JSON.stringify(trainJsonSchema(), null, 2)}\n`);
  });

  it('names every option with its default, and refuses others', () => {
    const { properties, additionalProperties } = JSON.parse(text);
    expect(Object.keys(properties)).toEqual(Object.keys(runSchema.shape));
    expect(additionalProperties).toBe(false);
    expect(properties.training.properties.batchSize).toMatchObject({
      type: 'integer',
      default: 100,
    });
  });
});
