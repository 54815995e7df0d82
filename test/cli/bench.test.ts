import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { floor, matrixFlops } from '../../lib/cli/bench/floor.js';
import { planBench } from '../../lib/cli/bench/plan.js';
import { record } from '../../lib/cli/bench/record.js';
import { formatMs, header, tableLine } from '../../lib/cli/bench/table.js';
import { measure, summary, wallTime } from '../../lib/cli/bench/timing.js';
import { type Recipe, workloads } from '../../lib/cli/bench/workloads.js';
import { type NativeStream, native } from '../../lib/native.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function benchCpu(...args: string[]): Promise<Run> {
  const command = ['dist/cli/main.js', 'bench', 'cpu', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('planBench', () => {
  it('measures both norms of every standard workload, in the passes it is meant for', () => {
    const { settings, timing } = planBench({});
    expect(settings).toHaveLength(2 * (4 * 3 + 2));
    expect(settings.filter(({ workload }) => workload.startsWith('tiny'))).toEqual([]);
    expect(settings[0]).toEqual({
      workload: 'W1',
      norm: 'batch',
      dtype: 'f32',
      pass: 'forward',
      device: expect.stringMatching(/^cpu:/),
      threads: native().probe().threads,
      dx: false,
    });
    expect(timing).toEqual({ repeats: 9, seconds: 3 });
  });

  it('takes the product of what was asked for', () => {
    const { settings, timing } = planBench({
      workload: 'W5-B1,tiny',
      pass: 'inference,train',
      threads: '1,2',
      device: 'cpu:portable',
      norm: 'none',
      repeats: '2',
      seconds: '0.5',
      dx: true,
    });
    expect(settings.map(({ threads, workload, pass }) => `${threads} ${workload} ${pass}`)).toEqual(
      [1, 2].flatMap((n) => [`${n} W5-B1 inference`, `${n} tiny inference`, `${n} tiny train`]),
    );
    expect(settings.every(({ device, dx }) => device === 'cpu:portable' && dx)).toBe(true);
    expect(timing).toEqual({ repeats: 2, seconds: 0.5 });
  });

  it.each([
    [{ workload: 'W9' }, /^--workload: expected "W1" or "W4" or .*, got "W9"/],
    [{ dtype: 'f64' }, '--dtype: expected "f32" or "bf16", got "f64"'],
    [{ norm: 'layer' }, '--norm: expected "batch" or "none", got "layer"'],
    [{ pass: 'back' }, '--pass: expected "forward" or "train" or "inference", got "back"'],
    [{ threads: '0' }, '--threads: expected an integer ≥ 1, got 0'],
    [{ repeats: '0' }, '--repeats: expected an integer ≥ 1, got 0'],
    [{ seconds: '0' }, '--seconds: expected a finite number > 0, got 0'],
    [{ device: 'cuda' }, /^--device: expected "cpu".*, got "cuda"/],
    [
      { pass: 'train', workload: 'W5-B1' },
      '--pass: expected one that a workload has (W5-B1: inference), got "train"',
    ],
  ])('refuses %j', (values, message) => {
    expect(() => planBench(values)).toThrow(message);
  });

  it('lets the addon say which forms of the CPU there are', () => {
    expect(() => planBench({ device: 'cpu:pdp11' })).toThrow(/cpu:pdp11.*cpu:portable/);
  });
});

describe('record', () => {
  let stream: NativeStream;
  beforeEach(() => {
    stream = new (native().Stream)('cpu', { threads: 1 });
  });
  afterEach(() => stream.dispose());

  const recipe = { norm: 'batch', dtype: 'f32', pass: 'train', dx: false } as const;
  const opsOf = async (workload: string, change: Partial<Recipe>) => {
    const program = await record(stream, workloads[workload], { ...recipe, ...change });
    const { hT } = await program.run({});
    expect(Array.from(hT).every((value) => Math.abs(value) > 0 && Math.abs(value) < 1)).toBe(true);
    const [, ...ops] = program.describe().split(/^\d+ (?=\w+ \()/m);
    return ops.map((text) => ({
      name: text.split(' ')[0],
      writes: [...text.matchAll(/^ {2}> (\w+)/gm)].map(([, operand]) => operand),
    }));
  };

  it.each(['tiny', 'tiny-tokens'])(
    'packs, runs and goes back in a training step: %s',
    async (w) => {
      const [pack, forward, backward] = await opsOf(w, {});
      expect(pack.name).toBe('bnLstmPack');
      expect(forward.writes).toEqual(expect.arrayContaining(['y', 'saved', 'recurrentVar']));
      expect(backward.writes).toEqual(
        expect.arrayContaining(['dwx', 'dwh', 'db', 'dgammaX', 'dgammaH', 'dgammaC', 'dbetaC']),
      );
      expect(backward.writes).not.toContain('dx');
    },
  );

  it('gives the gradient of x if that is wanted', async () => {
    expect((await opsOf('tiny', { dx: true }))[2].writes).toContain('dx');
  });

  it('saves for the backward pass in the forward pass of training', async () => {
    const ops = await opsOf('tiny', { pass: 'forward', norm: 'none' });
    expect(ops.map(({ name }) => name)).toEqual(['bnLstmPack', 'bnLstm']);
    expect(ops[1].writes).toEqual(expect.arrayContaining(['y', 'saved']));
  });

  it('neither packs nor saves at inference', async () => {
    const ops = await opsOf('tiny', { pass: 'inference' });
    expect(ops.map(({ name }) => name)).toEqual(['bnLstm']);
    expect(ops[0].writes).toContain('y');
    expect(ops[0].writes).not.toContain('saved');
    expect(ops[0].writes).not.toContain('recurrentVar');
  });
});

describe('timing', () => {
  it('takes the median', () => {
    expect(summary([5, 1, 3])).toEqual({ msMedian: 3, msMin: 1, msMax: 5 });
    expect(summary([4, 1, 3, 2])).toEqual({ msMedian: 2.5, msMin: 1, msMax: 4 });
    expect(summary([7])).toEqual({ msMedian: 7, msMin: 7, msMax: 7 });
  });

  it('begins no run when the time is over, but one', async () => {
    let runs = 0;
    const slow = async () => {
      runs += 1;
      return wallTime(() => new Promise((resolve) => setTimeout(resolve, 250)));
    };
    await measure(slow, { repeats: 5, seconds: 0.001 });
    expect(runs).toBe(2); // one to warm up
  });
});

describe('floor', () => {
  it('counts the matrix products of W1 as the equations have them', () => {
    const products = 2 * 784 * 64 * 400;
    expect(matrixFlops(workloads.W1, 'forward', false)).toBe(products * 101);
    expect(matrixFlops(workloads.W1, 'train', false)).toBe(products * (3 * 100 + 2));
    expect(matrixFlops(workloads.W1, 'train', true)).toBe(products * (3 * 100 + 3));
    expect(matrixFlops(workloads.W2, 'train', true)).toBe(2 * 100 * 64 * 4000 * 3 * 1000);
  });

  it('adds element-wise work, divided by the threads, to matrix products at the given rate', () => {
    const setting = { norm: 'batch', pass: 'train', dx: false } as const;
    const products = matrixFlops(workloads.W1, 'train', false) / 1e9;
    const elements = 784 * 64 * 100 * 6.95e-6;
    const rate = 1e12;
    expect(floor(workloads.W1, { ...setting, threads: 1 }, rate)).toBeCloseTo(products + elements);
    expect(floor(workloads.W1, { ...setting, threads: 2 }, rate)).toBeCloseTo(
      products + elements / 2,
    );
  });
});

describe('the table', () => {
  it('has its numbers under their titles', () => {
    const row = { workload: 'W5-B32', norm: 'batch', dtype: 'bf16', pass: 'inference' } as const;
    const times = { msMedian: 1234.567, msMin: 99.87, msMax: 9.876, floorMs: 0.1234 };
    expect(`${header}\n${tableLine({ ...row, ...times, isa: 'avx512bf16', threads: 2 })}`).toBe(
      [
        'workload     norm   dtype pass       isa             threads         ms      least       most      floor',
        'W5-B32       batch  bf16  inference  avx512bf16            2       1235       99.9       9.88      0.123',
      ].join('\n'),
    );
    expect([0.05, 5.5, 55.5, 555.5].map(formatMs)).toEqual(['0.050', '5.50', '55.5', '556']);
  });
});

describe('bnlstm bench cpu', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bnlstm-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const quick = ['--repeats', '2', '--seconds', '0.1', '--threads', '1'];

  it('prints one JSON array, and writes the same', async () => {
    const out = join(folder, 'results', 'bench.json');
    const args = ['--workload', 'tiny,tiny-tokens', ...quick, '--json', '--out', out];
    const { code, stdout, stderr } = await benchCpu(...args);
    expect([code, stderr]).toEqual([0, '']);
    const rows = JSON.parse(stdout);
    expect(rows).toHaveLength(2 * 3 * 2);
    const ms = expect.any(Number);
    expect(rows[0]).toEqual({
      ...{ workload: 'tiny', norm: 'batch', dtype: 'f32', pass: 'forward' },
      ...{ isa: expect.stringMatching(/^\w+$/), threads: 1 },
      ...{ msMedian: ms, msMin: ms, msMax: ms, floorMs: ms },
    });
    for (const { msMin, msMedian, msMax } of rows)
      expect(0 < msMin && msMin <= msMedian && msMedian <= msMax).toBe(true);
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(rows);
  });

  it('prints a table, and says what the device lacks', async () => {
    const args = ['--workload', 'tiny', '--pass', 'train', '--device', 'cpu:portable'];
    const { code, stdout, stderr } = await benchCpu(...args, '--dtype', 'f32,bf16', ...quick);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^workload .* floor\ntiny +batch +f32 +train +portable +1 +[\d.]+ /);
    expect(stdout + stderr).toMatch(/bf16 +train|skipped bf16: the device cpu:portable has no /);
  });

  it('ends with one line for a wrong option', async () => {
    const { code, stdout, stderr } = await benchCpu('--norm', 'layer');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      'bnlstm: ERR_BNLSTM_ARGUMENT: --norm: expected "batch" or "none", got "layer"\n',
    );
  });
});
