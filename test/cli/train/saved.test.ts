import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpy } from '../../../lib/cli/train/npy_file.js';
import { load, readNpy } from '../../../lib/index.js';
import { bnlstm } from '../child.js';
import { table } from './table.js';

let folder = '';
const at = (name: string) => join(folder, name);
const device = ['--device', 'cpu:portable', '--threads', '1'];
const count = 12;
const [steps, features] = [5, 2];

/** [count][steps][features] */
const inputs = Float32Array.from({ length: count * steps * features }, (_, i) => Math.sin(i));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-saved-'));
  await writeFile(at('data.csv'), table(60));
  await writeNpy(at('x.npy'), [count, steps, features], inputs);
  await writeNpy(
    at('y.npy'),
    [count, 1],
    Float32Array.from({ length: count }, (_, i) => i % 3),
  );
  const csv = ['--train', at('data.csv'), '--target', 'label', '--sequence', 'id'];
  const common = ['--hidden', '5', '--batch-size', '6', '--iterations', '3', ...device];
  const runs = [
    ['csv', ...csv, '--validation-share', '0.2', ...common, '--out', at('csv')],
    ['npy', '--inputs', at('x.npy'), '--targets', at('y.npy'), ...common, '--out', at('npy')],
  ];
  for (const args of runs) {
    const { code, stderr } = await bnlstm(['train', ...args]);
    expect([code, stderr]).toEqual([0, '']);
  }
});
afterAll(() => rm(folder, { recursive: true }));

describe('bnlstm evaluate', () => {
  it('takes the data of the run, in the set that is asked for', async () => {
    const { code, stdout } = await bnlstm(['evaluate', at('csv'), ...device, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      file: at('csv/model.safetensors'),
      set: 'validation',
      statistics: 'population',
      loss: expect.any(Number),
      accuracy: expect.any(Number),
      count: 12,
    });
    const train = await bnlstm(['evaluate', at('csv'), '--set', 'train', ...device]);
    expect(train.stdout).toMatch(/train: loss \d\.\d+, accuracy \d+\.\d %, 48 targets\n$/);
  });

  it('estimates statistics that a checkpoint has not', async () => {
    const args = ['evaluate', at('csv/step-00000003.safetensors'), ...device];
    const without = await bnlstm(args);
    expect(without.code).toBe(1);
    expect(without.stderr).toMatch(/^bnlstm: ERR_BNLSTM_STATISTICS_MISSING: .*\n$/);
    expect((await bnlstm([...args, '--statistics', 'batch'])).code).toBe(0);
    const estimated = await bnlstm([...args, '--estimate']);
    const final = await bnlstm(['evaluate', at('csv'), ...device]);
    const result = (text: string) => text.slice(text.indexOf(', validation'));
    expect(result(estimated.stdout)).toBe(result(final.stdout));
  });

  it('takes other data', async () => {
    await writeFile(at('test.csv'), table(10));
    const args = ['evaluate', at('csv'), '--test', at('test.csv'), ...device];
    expect((await bnlstm(args)).stdout).toMatch(/test: .*, 10 targets\n$/);
    const file = at('npy/model.safetensors');
    const npy = ['--data', 'npy', '--inputs', at('x.npy'), '--targets', at('y.npy')];
    const { stdout, stderr } = await bnlstm([
      'evaluate',
      file,
      ...npy,
      '--set',
      'train',
      ...device,
    ]);
    expect([stderr, stdout]).toEqual([
      '',
      expect.stringMatching(/train: loss \d.*, 12 targets\n$/),
    ]);
  });

  it('does not take the share of the run from files that are named', async () => {
    const args = ['evaluate', at('csv'), '--train', at('data.csv'), ...device];
    expect((await bnlstm(args)).stdout).toMatch(/train: .*, 60 targets\n$/);
    const all = ['--inputs', at('x.npy'), '--targets', at('y.npy')];
    expect((await bnlstm(['evaluate', at('npy'), ...all, ...device])).stdout).toMatch(/12 targets/);
  });

  it.each([
    [['evaluate', 'data.csv'], 'path: expected a file of a model, or the folder of a run, got'],
    [['evaluate', 'npy'], 'evaluate: expected --test FILE, or --set train, got no data for a test'],
    [['evaluate', 'csv', '--set', 'dev'], '--set: expected "train" or "validation" or "test"'],
    [['evaluate', 'csv', '--limit', '0'], '--limit: expected an integer ≥ 1, got 0'],
  ])('refuses %j', async ([command, run, ...rest], message) => {
    const { code, stderr } = await bnlstm([command, at(run), ...rest, ...device]);
    expect(code).toBe(1);
    expect(stderr).toContain(`bnlstm: ERR_BNLSTM_ARGUMENT: ${message}`);
  });

  it('says what is missing where there is no run', async () => {
    const { code, stderr } = await bnlstm(['evaluate', at('none')]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^bnlstm: ERR_BNLSTM_IO: .*none/)]);
    const empty = await bnlstm(['evaluate', tmpdir()]);
    expect(empty.stderr).toContain('path: expected a file of a model, or the folder of a run');
  });
});

describe('bnlstm predict', () => {
  it('gives classes and probabilities as CSV', async () => {
    const args = ['predict', at('csv'), '--input', at('data.csv'), '--batch-size', '7', ...device];
    const { code, stdout, stderr } = await bnlstm(args);
    expect([code, stderr]).toEqual([0, '']);
    const [header, ...lines] = stdout.trim().split('\n');
    expect(header).toBe('sequence,class,p0,p1');
    expect(lines).toHaveLength(60);
    for (const [index, line] of lines.entries()) {
      expect(line.startsWith(`s${index},`)).toBe(true);
      const [best, ...shares] = line.split(',').slice(1).map(Number);
      expect(Math.abs(shares[0] + shares[1] - 1) <= 1e-6).toBe(true);
      expect(shares[best]).toBe(Math.max(...shares));
    }
  });

  it('gives the values that the model gives', async () => {
    const args = ['predict', at('npy'), '--input', at('x.npy'), ...device];
    const { code, stderr } = await bnlstm([...args, '--output', at('out.npy')]);
    expect([code, stderr]).toEqual([0, `${count} rows in ${at('out.npy')}\n`]);
    const model = await load(at('npy/model.safetensors'), { device: 'cpu:portable' });
    const { outputs } = await model.predict({ inputs, size: count, steps });
    await model.dispose();
    expect(await readNpy(at('out.npy'))).toEqual({ shape: [count, 1], data: outputs });

    const csv = await bnlstm([...args, '--output', at('out.csv')]);
    expect([csv.code, csv.stdout]).toEqual([0, '']);
    const [header, first] = (await readFile(at('out.csv'), 'utf8')).split('\n');
    expect(header).toBe('sequence,y0');
    expect(Math.fround(Number(first.split(',')[1]))).toBeCloseTo(outputs[0], 6);
  });

  it.each([
    [[], '--input: expected a file of sequences, got none'],
    [['--input', 'x.npy', '--output', 'y.txt'], '--output: expected ".npy" or ".csv", got ".txt"'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await bnlstm(['predict', at('npy'), ...args, ...device]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('bnlstm inspect', () => {
  it('says what is in a model', async () => {
    const { code, stdout } = await bnlstm(['inspect', at('csv')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /model\.safetensors: [\d,]+ bytes; sha256 [\da-f]{64}: as it was written/,
    );
    expect(stdout).toContain('0.wx [2, 20]');
    expect(stdout).toContain('population statistics: fresh');
    expect(stdout).not.toContain('checkpoint');
  });

  it('says where a checkpoint is', async () => {
    const file = at('csv/step-00000003.safetensors');
    const { stdout: text } = await bnlstm(['inspect', file]);
    expect(text).toMatch(/^checkpoint of step 3, epoch 1 /m);
    expect(text).toMatch(/^trainer .*"rmsprop"/m);
    const { stdout } = await bnlstm(['inspect', file, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      file,
      sha256: expect.stringMatching(/^[\da-f]{64}$/),
      input: { features: 2 },
      seed: 1,
      statistics: 'missing',
      parameters: expect.arrayContaining([
        { name: '0.wx', shape: [2, 20], count: 40, trainable: true },
      ]),
      training: { steps: 3, cursor: { epoch: 1, batches: 3 } },
    });
  });

  it('notices a file that is not as it was written', async () => {
    const bytes = await readFile(at('csv/model.safetensors'));
    bytes[bytes.length - 3] ^= 1;
    await writeFile(at('damaged.safetensors'), bytes);
    const { code, stdout, stderr } = await bnlstm(['inspect', at('damaged.safetensors')]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^bnlstm: ERR_BNLSTM_CHECKSUM: .*damaged\.safetensors: .*\n$/);
  });
});

describe('bnlstm report', () => {
  it('lays runs over each other, under names that tell them apart', async () => {
    const page = at('report.html');
    const folders = [at('csv'), at('npy')];
    const { code, stdout } = await bnlstm(['report', ...folders, '--out', page]);
    expect([code, stdout]).toEqual([0, `2 runs in ${page}\n`]);
    const html = await readFile(page, 'utf8');
    for (const name of ['csv', 'npy']) expect(html).toContain(name);
  });

  it('says which folder has no history', async () => {
    const { code, stderr } = await bnlstm(['report', folder, '--out', at('none.html')]);
    expect(code).toBe(1);
    expect(stderr).toContain(`ERR_BNLSTM_IO: no run in the folder ${folder}: cannot read`);
  });
});
