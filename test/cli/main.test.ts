import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { load, VERSION } from '../../lib/index.js';
import { bnlstm } from './child.js';

describe('bnlstm', () => {
  it.each([[[]], [['help']], [['--help']]])('lists its commands with %j', async (args) => {
    const { code, stdout, stderr } = await bnlstm(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: bnlstm <command>/);
    for (const name of ['train', 'demo', 'doctor', 'bench', 'help', '-v, --version'])
      expect(stdout).toContain(`\n  ${name}`);
  });

  it('prints its version and the help of a command', async () => {
    expect((await bnlstm(['--version'])).stdout).toBe(`${VERSION}\n`);
    const help = await bnlstm(['help', 'demo']);
    expect(help.stdout).toMatch(/--minutes <M> [\s\S]*--json <FILE>/);
    expect(await bnlstm(['demo', '--help'])).toEqual(help);
    expect((await bnlstm(['help', 'bench', 'cpu'])).stdout).toMatch(/^Usage: bnlstm bench cpu/);
  });

  it.each([[['bench']], [['bench', '--help']], [['help', 'bench']]])(
    'lists the commands of a group with %j',
    async (args) => {
      const { code, stdout, stderr } = await bnlstm(args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^Usage: bnlstm bench <command>/);
      expect(stdout).toMatch(/^ {2}cpu .*\n {2}gpu /m);
    },
  );

  it.each([
    [['dmeo'], "unknown command 'dmeo' (Did you mean demo?); see `bnlstm --help`"],
    [['help', 'dmeo'], "unknown command 'dmeo' (Did you mean demo?); see `bnlstm --help`"],
    [['bench', 'gpo'], "unknown command 'gpo' (Did you mean gpu?); see `bnlstm bench --help`"],
    [['demo', '--minutes', '0'], '--minutes: expected a finite number > 0, got 0'],
    [
      ['demo', '--order', 'random'],
      '--order: expected "scanline" or "permuted" or "authors", got "random"',
    ],
    [['demo', '--seed', '-1'], '--seed: expected an integer ≥ 0, got -1'],
    [['doctor', '--devise', 'cpu'], "unknown option '--devise' (Did you mean --device?)"],
    [['doctor', 'cpu'], "too many arguments for 'doctor'"],
    [['doctor', '--dtype', 'f16'], 'selfTest: dtype: expected "f32" or "bf16", got "f16"'],
  ])('ends with one line for %j', async (args, message) => {
    const { code, stdout, stderr } = await bnlstm(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`bnlstm: ERR_BNLSTM_ARGUMENT: ${message}`);
  });
});

describe('bnlstm doctor', () => {
  it('names device, instructions, threads, CUDA and the error of the self-test', async () => {
    const { code, stdout } = await bnlstm(['doctor']);
    expect(code).toBe(0);
    for (const line of [
      /^Package {7}bnlstm \d/m,
      /^Node\.js {7}v\d/m,
      /^Device {8}(cpu|cuda):\w+, for `auto`: ./m,
      /^ +cuda(:0)?: (not )?available: ./m,
      /^Instructions {2}\S/m,
      /^Threads {7}\d+/m,
      /^CUDA {10}(not )?built: /m,
      /^Self-test {5}passed: \d+ tensors .* off by \d\.\de-\d+/m,
    ])
      expect(stdout).toMatch(line);
  });

  it('gives the same as JSON', async () => {
    const { stdout } = await bnlstm(['doctor', '--json', '--device', 'cpu:portable']);
    expect(JSON.parse(stdout)).toMatchObject({
      version: VERSION,
      device: {
        asked: 'cpu:portable',
        chosen: 'cpu:portable',
        why: "'cpu:portable' was asked for",
      },
      devices: expect.arrayContaining([
        { name: 'cpu:portable', available: true, why: expect.any(String) },
      ]),
      cuda: { built: expect.any(Boolean), message: expect.any(String), gpus: expect.any(Array) },
      machine: { node: process.version, threads: expect.any(Number) },
      selfTest: { ok: true, dtype: 'f32', worst: { error: expect.any(Number) } },
    });
  });

  it('takes BNLSTM_DEVICE for `auto`', async () => {
    vi.stubEnv('BNLSTM_DEVICE', 'cpu:portable');
    const { stdout } = await bnlstm(['doctor']);
    vi.unstubAllEnvs();
    expect(stdout).toContain("cpu:portable, for `auto`: BNLSTM_DEVICE is 'cpu:portable'");
  });

  it('says which device is not there', async () => {
    const { code, stdout, stderr } = await bnlstm(['doctor', '--device', 'tpu']);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^Device +none, for `tpu`: there is no device 'tpu'/m);
    expect(stdout).toMatch(/^ +cpu: available/m); // what there is, all the same
    expect(stdout).toMatch(/^Self-test +not run$/m);
  });
});

describe('bnlstm demo', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bnlstm-demo-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('trains, tests, prints, and writes models and results', async () => {
    const json = join(folder, 'results', 'demo.json');
    const models = join(folder, 'models');
    const { code, stdout, stderr } = await bnlstm([
      'demo',
      '--minutes',
      '0.05',
      '--seed',
      '3',
      '--save',
      models,
      '--json',
      json,
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^iteration 1 \| BN-LSTM loss \d/m);
    expect(stdout).toMatch(/^test accuracy .*the first [\d,]+ test images$/m);
    expect(stdout).toMatch(/^paper's validation accuracy .*75\.7 %.*its first point$/m);
    expect(stdout).toMatch(/^After \d+ iterations? the BN-LSTM is right on/m);

    const result = JSON.parse(await readFile(json, 'utf8'));
    expect(result).toMatchObject({
      seed: 3,
      order: 'scanline',
      stoppedBy: 'time',
      version: VERSION,
    });
    expect(result.bnLstm.losses).toHaveLength(result.iterations);
    expect(result.lstm.losses).toHaveLength(result.iterations);
    expect(result.bnLstm.parameters).toBe(result.lstm.parameters + 900); // gamma_x, gamma_h, gamma_c
    expect(result.paper).toMatchObject({ iteration: 1000, bnLstm: 0.757 });

    expect(await readdir(models)).toEqual(['bn-lstm.safetensors', 'lstm.safetensors']);
    for (const name of await readdir(models)) {
      const model = await load(join(models, name));
      const { outputs } = await model.predict({
        inputs: new Float32Array(784),
        size: 1,
        steps: 784,
      });
      expect(outputs).toHaveLength(10);
      await model.dispose();
    }
  });

  it('goes on to the test at the first Ctrl+C', async () => {
    let interrupted = false;
    const json = join(folder, 'demo.json');
    const { code, stdout } = await bnlstm(
      ['demo', '--minutes', '0.2', '--json', json],
      (text, child) => {
        if (!interrupted && text.includes('are kept for the test')) {
          interrupted = true;
          child.kill('SIGINT');
        }
      },
    );
    expect(code).toBe(0);
    expect(stdout).toContain('Stopping; the test follows.');
    expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ stoppedBy: 'interrupt' });
  });

  it('ends with 130 at the second', async () => {
    let seen = 0;
    const { code } = await bnlstm(['demo', '--minutes', '5'], (text, child) => {
      if (seen === 0 && text.includes('are kept for the test')) seen += 1;
      else if (seen === 1 && text.includes('Stopping')) seen += 1;
      else return;
      child.kill('SIGINT');
    });
    expect(code).toBe(130);
  });
});
