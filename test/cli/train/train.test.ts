import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryRecord } from '../../../lib/index.js';
import { readSafetensors } from '../../../lib/io/safetensors.js';
import { bnlstm, type Run } from '../child.js';
import { table } from './table.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-train-'));
  await writeFile(join(folder, 'data.csv'), table(60));
});
afterAll(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

const small = ['--hidden', '6', '--batch-size', '10', '--device', 'cpu:portable', '--threads', '1'];

/** `bnlstm train csv` on the table. */
function train(
  out: string,
  args: readonly string[],
  onOutput?: Parameters<typeof bnlstm>[1],
): Promise<Run> {
  const data = [at('data.csv'), '--target', 'label', '--sequence', 'id'];
  return bnlstm(['train', 'csv', ...data, ...small, '--out', at(out), ...args], onOutput);
}

const recordsOf = (stdout: string): HistoryRecord[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

async function weights(out: string): Promise<unknown> {
  const { tensors } = await readSafetensors(at(join(out, 'model.safetensors')));
  return [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('hex')]);
}

describe('bnlstm train', () => {
  it('leaves a run in its folder, and says in plain lines what it does', async () => {
    const args = ['--validation-share', '0.2', '--epochs', '3', '--patience', '5', '--seed', '3'];
    const { code, stdout, stderr } = await train('plain', args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^bn-lstm, 6 hidden units, [\d,]+ parameters, f32 on cpu:portable$/m);
    expect(stdout).toMatch(/^48 training sequences, 12 for validation; 12 steps of 10$/m);
    expect(stdout.match(/^epoch \d, step \d+: validation loss .*accuracy/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^step 12\/12, loss \d\.\d+, \d+\.\d %, \d+ seq\/s$/m);
    expect(stdout).toMatch(/^Saved as .*plain\/model\.safetensors; see .*report\.html/m);
    expect(stdout).not.toContain('\x1b');

    expect((await readdir(at('plain'))).sort()).toEqual([
      'best.safetensors',
      'config.json',
      'history.jsonl',
      'model.safetensors',
      'report.html',
      'step-00000004.safetensors',
      'step-00000008.safetensors',
      'step-00000012.safetensors',
    ]);
    const config = JSON.parse(await readFile(at('plain/config.json'), 'utf8'));
    expect(config).toMatchObject({
      data: { kind: 'csv', train: at('data.csv'), inputs: ['a', 'b'], validationShare: 0.2 },
      task: { features: 2, outputs: 2, loss: 'cross-entropy', everyStep: false, steps: 6 },
      model: { kind: 'bn-lstm', hidden: 6, maxSteps: 6, initialNoise: 0, gammaInit: 0.1 },
      training: { epochs: 3, batchSize: 10 },
      seed: 3,
    });
    const history = await readFile(at('plain/history.jsonl'), 'utf8');
    expect(recordsOf(history)[0]).toMatchObject({ type: 'start', configuration: config });
  });

  it('prints records and nothing else with --json, those of the history', async () => {
    const { code, stdout, stderr } = await train('json', ['--json', '--iterations', '5']);
    expect(code).toBe(0);
    expect(stderr).toContain('Saved as');
    expect(stdout).toBe(await readFile(at('json/history.jsonl'), 'utf8'));
    const steps = recordsOf(stdout).filter(({ type }) => type === 'step');
    expect(steps.map((step) => 'index' in step && step.index)).toEqual([1, 2, 3, 4, 5]);
  });

  it('takes a configuration, and the one that a run has left', async () => {
    await train('first', ['--iterations', '4', '--model', 'lstm', '--layers', '2']);
    const again = ['train', '--config', at('first/config.json'), '--out', at('second')];
    const { code, stderr } = await bnlstm(again);
    expect([code, stderr]).toEqual([0, '']);
    expect(await weights('second')).toEqual(await weights('first'));
  });

  describe('with a signal', () => {
    const total = ['--iterations', '1500', '--json']; // long enough to be cut
    beforeAll(async () => {
      expect((await train('whole', total)).code).toBe(0);
    });

    it.each([
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)('saves at %s, and goes on to the same bits', async (signal, expected) => {
      let sent = false;
      const cut = await train(`${signal}-cut`, total, (stdout, child) => {
        if (sent || !stdout.includes('"index":9,')) return;
        sent = true;
        child.kill(signal);
      });
      expect(cut.code).toBe(expected);
      expect(cut.stderr).toMatch(/^Finishing the step and saving; once more ends at once\.$/m);
      const resume = `bnlstm train --resume ${at(`${signal}-cut`)}`;
      expect(cut.stderr).toMatch(/^Stopped after step \d+; saved as .*step-\d+\.safetensors: /m);
      expect(cut.stderr).toContain(resume);
      expect(recordsOf(cut.stdout).at(-1)).toMatchObject({ type: 'end', stoppedBy: 'aborted' });

      const { code, stdout } = await bnlstm([...resume.split(' ').slice(1), '--json']);
      expect(code).toBe(0);
      expect(recordsOf(stdout)[0]).toMatchObject({ type: 'start', resumedAt: expect.any(Number) });
      expect(await weights(`${signal}-cut`)).toEqual(await weights('whole'));
    });
  });

  it('saves when nobody reads its records any more', async () => {
    const { code, stderr } = await train('pipe', ['--epochs', '100000', '--json'], (_, child) =>
      child.stdout?.destroy(),
    );
    expect(code).toBe(141);
    expect(stderr).toContain('Stopped after step');
    expect(await readdir(at('pipe'))).toContain('config.json');
  });

  it('trains further where more is asked for', async () => {
    await train('more', ['--epochs', '1']);
    const { code, stdout } = await bnlstm([
      'train',
      '--resume',
      at('more'),
      '--epochs',
      '2',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(recordsOf(stdout).at(-1)).toMatchObject({ type: 'end', index: 12, epoch: 2 });
    const config = JSON.parse(await readFile(at('more/config.json'), 'utf8'));
    expect(config.training.epochs).toBe(2);
  });

  it('refuses a plan that does not serve before there is a run', async () => {
    const { code, stderr } = await train('planned', ['--epochs', '1', '--plan', 'persistent']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^bnlstm: ERR_BNLSTM_UNSUPPORTED: plan: expected 'auto'/);
    expect(await readdir(folder)).not.toContain('planned');
  });

  it('keeps what is there', async () => {
    const { code, stderr } = await train('plain', []);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^bnlstm: ERR_BNLSTM_ARGUMENT: --out: expected a folder without a run/);
    expect(stderr).toContain('--resume');
  });

  it.each([
    [['train'], 'train: expected mnist, csv or npy, or --config or --resume, got none of them'],
    [['train', 'mnits'], 'train: kind: expected "mnist" or "csv" or "npy", got "mnits"'],
    [['train', 'csv'], '--train: expected a file, got none'],
    [['train', 'csv', 'a'], '--target: expected the column'],
    [['train', 'csv', 'a', '--train', 'b'], '--train: expected none beside the file'],
    [['train', 'mnist', 'a'], '--train: expected only known options of data "mnist", got "train"'],
    [['train', 'mnist', '--hidden', 'x'], '--hidden: expected a number, got "x"'],
    [['train', 'mnist', '--hiden', '5'], "unknown option '--hiden' (Did you mean --hidden?)"],
    [['train', '--resume', 'x', '--seed', '5'], '--resume: expected nothing but --iterations'],
    [['train', 'mnist', '--resume', 'x'], '--resume: expected nothing but --iterations'],
  ])('refuses %j in one line', async (args, message) => {
    const { code, stdout, stderr } = await bnlstm(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^bnlstm: ERR_BNLSTM_ARGUMENT: .*\n$/);
    expect(stderr).toContain(message);
  });

  it.each([
    [['--batch-size', '1'], '--batch-size: expected at least 2'],
    [['--validation-share', '0.017'], '--validation-share: expected at least 2 sequences'],
    [
      ['--target', 'lable'],
      '--target: expected one of the columns id, a, b, label, got "lable" (did',
    ],
    [['--inputs', 'x.npy'], '--inputs: expected only known options of data "csv"'],
    [['--target', 'a'], '--target-kind reals)'],
    [['--target', 'id', '--sequence', 'label'], 'got "s0" (names of classes: --classes'],
  ])('refuses %j before it makes a folder', async (args, message) => {
    const { code, stderr } = await train('refused', args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(await readdir(folder)).not.toContain('refused');
  });

  it('uses a folder again that has no weights, and says what it does last', async () => {
    await mkdir(at('again'));
    for (const name of ['config.json', 'history.jsonl'])
      await writeFile(join(at('again'), name), '');
    const { code, stdout } = await train('again', [
      '--iterations',
      '3',
      '--statistics-limit',
      '20',
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('\nPopulation statistics from 20 sequences …');
    expect(stdout).not.toContain('bnlstm evaluate'); // there is nothing to evaluate it on
    const config = await readFile(at('again/config.json'), 'utf8');
    const less = await bnlstm(['train', '--resume', at('again'), '--iterations', '2']);
    expect(less.stderr).toContain(
      '--iterations: expected at least the 3 steps that the run has done',
    );
    expect(await readFile(at('again/config.json'), 'utf8')).toBe(config);
  });

  it('refuses batches that there are not enough sequences for, and what needs validation', async () => {
    const large = await train('large', ['--batch-size', '61']);
    expect(large.stderr).toContain('--batch-size: expected at most 60');
    const patient = await train('patient', ['--patience', '3']);
    expect(patient.stderr).toContain('--patience: expected data for validation with it, got none');
    expect((await readdir(folder)).filter((name) => /large|patient/.test(name))).toEqual([]);
  });

  it('knows how many steps there will be, whatever becomes of the last batch', async () => {
    for (const [way, steps] of [
      ['drop', 4],
      ['keep', 4],
      ['merge', 4],
    ] as const) {
      const args = ['--last-batch', way, '--batch-size', '8', '--accumulate', '2', '--epochs', '1'];
      const { stdout } = await train(way, args);
      expect(stdout).toMatch(new RegExp(`; ${steps} steps of 8$`, 'm'));
      expect(stdout).toContain(`\nstep ${steps}/${steps}, `);
    }
  });

  it('names the line of a table that is wrong, and makes no folder', async () => {
    await writeFile(at('bad.csv'), 'id,a,label\ns1,1,0\ns1,?,0\n');
    const data = ['--train', at('bad.csv'), '--target', 'label', '--sequence', 'id'];
    const { code, stderr } = await bnlstm(['train', 'csv', ...data, '--out', at('bad')]);
    expect(code).toBe(1);
    expect(stderr).toContain(`ERR_BNLSTM_DATA: ${at('bad.csv')}: line 3, column "a"`);
    expect(await readdir(folder)).not.toContain('bad');
  });
});
