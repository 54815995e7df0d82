import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CudnnRunner } from '../../lib/cli/bench/gpu/cudnn.js';
import { estimateMs } from '../../lib/cli/bench/gpu/estimate.js';
import { planGpuBench } from '../../lib/cli/bench/gpu/plan.js';
import type { GpuRow } from '../../lib/cli/bench/gpu/rows.js';
import { standardShapes } from '../../lib/cli/bench/gpu/settings.js';
import { gpuHeader, gpuLine } from '../../lib/cli/bench/gpu/table.js';
import { type NativeCudnnSettings, native } from '../../lib/native.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const gpu = () => 'cuda:1';

describe('planGpuBench', () => {
  it('measures twelve shapes with all there is, cuDNN after our own', () => {
    const { device, settings } = planGpuBench({}, gpu);
    expect(device).toBe('cuda:1');
    expect(standardShapes).toHaveLength(12);
    const own = settings.filter(({ library }) => library === 'bnlstm');
    const theirs = settings.filter(({ library }) => library === 'cudnn');
    expect(own).toHaveLength(12 * 3 * 2 * 2); // dtypes, passes, norms
    expect(theirs).toHaveLength(12 * 4 * 4); // dtypes, algorithms; both passes at once
    const shape = { hidden: 100, batch: 64, steps: 128, features: 100 };
    expect(settings[12]).toEqual({
      ...{ library: 'cudnn', device: 1, shape, algorithm: 'standard', dtype: 'f32' },
      passes: ['forward', 'train'],
    });
  });

  it('has nothing of cuDNN on another device, and no f16 or TF32 unless asked', () => {
    const { settings } = planGpuBench({ device: 'cpu:portable', shape: '8,4' });
    expect(settings.every(({ library }) => library === 'bnlstm')).toBe(true);
    expect(settings.map(({ dtype }) => dtype)).toEqual([
      ...Array(4).fill('f32'),
      ...Array(4).fill('bf16'),
    ]);
  });

  it('takes shapes with and without steps and features', () => {
    const { settings, timing } = planGpuBench(
      { shape: '8,4/9,5,6/7,3,2,1', dtype: 'f32', norm: 'batch', pass: 'train', repeats: '2' },
      () => 'emulator',
    );
    expect(settings.map(({ shape }) => shape)).toEqual([
      { hidden: 8, batch: 4, steps: 128, features: 8 },
      { hidden: 9, batch: 5, steps: 6, features: 9 },
      { hidden: 7, batch: 3, steps: 2, features: 1 },
    ]);
    expect(timing).toEqual({ repeats: 2, seconds: 0.5, warmUpSeconds: 0.05 });
  });

  it('asks for plans in turn, and leaves cuDNN alone', () => {
    const one = { shape: '8,4', dtype: 'f32', norm: 'batch', pass: 'train' };
    const plansOf = (plan?: string) =>
      planGpuBench({ ...one, ...(plan && { plan }) }, gpu).settings.map((each) =>
        each.library === 'bnlstm' ? each.plan : each.library,
      );
    const theirs = Array(4).fill('cudnn');
    expect(plansOf()).toEqual(['auto', ...theirs]);
    expect(plansOf('steps,persistent')).toEqual(['steps', 'persistent', ...theirs]);
  });

  it.each([
    [{ shape: '8' }, '--shape: expected H,B[,T[,D]], several divided by /, got "8"'],
    [{ shape: '8,4,3,2,1' }, /^--shape: expected H,B/],
    [{ shape: '8,x' }, '--shape: expected an integer ≥ 1, got NaN'],
    [{ shape: '8,0' }, '--shape: expected an integer ≥ 1, got 0'],
    [{ dtype: 'f64' }, /^--dtype: expected "f32" or "tf32" or "bf16" or "f16", got "f64"/],
    [{ pass: 'inference' }, '--pass: expected "forward" or "train", got "inference"'],
    [
      { plan: 'fast' },
      '--plan: expected "auto" or "steps" or "persistent" or "overlapped", got "fast"',
    ],
    [{ dtype: 'f16', device: 'cpu' }, '--dtype: expected one that this device has, got "f16"'],
    [{ device: 'cpu:pdp11' }, /cpu:pdp11/],
  ])('refuses %j', (values, message) => {
    expect(() => planGpuBench({ device: 'cpu', ...values })).toThrow(message);
  });
});

describe('the estimate', () => {
  const shape = { hidden: 1024, batch: 64, steps: 1, features: 1024 };

  it('adds launches, product, kernel, traffic and large products', () => {
    // 2 launches, the latency of a product, the kernel, 24 bytes per element, x Wx at 600 TFLOP/s.
    const us = 2.6 + 2.3 + 1.1 + (64 * 1024 * 24) / 2.8e6 + (2 * 64 * 4096 * 1024) / 600e6;
    const bf16 = { norm: 'batch', dtype: 'bf16', pass: 'forward' } as const;
    expect(estimateMs(shape, bf16)).toBeCloseTo(us / 1e3, 9);
    expect(estimateMs({ ...shape, steps: 10 }, bf16)).toBeCloseTo(us / 1e2, 9);
    const backward = 2.6 + 2.3 + 1.4 + (64 * 1024 * 48) / 2.8e6 + (6 * 64 * 4096 * 1024) / 600e6;
    expect(estimateMs(shape, { ...bf16, pass: 'train' })).toBeCloseTo((us + backward) / 1e3, 9);
  });

  it('is that of arithmetic where a step has much of it, and of f32 by far the largest', () => {
    const large = { hidden: 2048, batch: 256, steps: 1, features: 2048 };
    const f32 = { norm: 'none', dtype: 'f32', pass: 'forward' } as const;
    const products = (2 * 2 * 256 * 8192 * 2048) / 40e12;
    expect(estimateMs(large, f32)).toBeGreaterThan(1e3 * products);
    expect(estimateMs(large, f32)).toBeLessThan(1.1e3 * products);
    expect(estimateMs(large, { ...f32, dtype: 'tf32' })).toBeLessThan(estimateMs(large, f32) / 4);
    expect(estimateMs(large, { ...f32, norm: 'batch' })).toBeGreaterThan(estimateMs(large, f32));
  });
});

describe('the process that times cuDNN', () => {
  const module = new URL('./fixtures/cudnn_process.mjs', import.meta.url);
  let runner: CudnnRunner;
  afterEach(() => runner.stop());
  const settings = (batch: number): NativeCudnnSettings => ({
    ...{ device: 0, algorithm: 'standard', dtype: 'f32', steps: 1, batch },
    ...{ features: 1, hidden: 7, runs: 1 },
  });

  it('gives its answers, and is started again after a crash', async () => {
    runner = new CudnnRunner(60, module);
    const times = (batch: number) => ({ times: { version: '7', forward: Float32Array.of(batch) } });
    expect(await runner.run(settings(5))).toEqual(times(5));
    expect(await runner.run(settings(1))).toEqual({ failure: 'its process ended with code 3' });
    expect(await runner.run(settings(6))).toEqual(times(6));
    expect(await runner.run(settings(2))).toEqual({ failure: 'its process ended with SIGSEGV' });
    expect(await runner.run(settings(7))).toEqual(times(7));
  });

  it('is ended when it takes too long', async () => {
    runner = new CudnnRunner(0.5, module);
    expect(await runner.run(settings(3))).toEqual({ failure: 'no answer within 0.5 s' });
  });

  it('has nothing to time without a GPU', () => {
    const { cuda } = native().probe();
    if (cuda.gpus.length > 0) return;
    expect(() => native().cudnnLstm(settings(2))).toThrow(/cuDNN needs a GPU|CUDA|driver/);
  });
});

describe('the table', () => {
  const row: GpuRow = {
    ...{ library: 'cudnn', model: 'lstm', plan: 'persist-static', dtype: 'bf16', pass: 'train' },
    ...{ hidden: 1024, batch: 64, steps: 128, features: 1024 },
    ...{ times: { msMedian: 1.5, msMin: 1, msMax: 2 }, estimateMs: 2.5, overEstimate: 0.6 },
  };

  it('has its numbers under their titles', () => {
    const own = { ...row, library: 'bnlstm', plan: 'per-step', features: 3 } as const;
    expect([gpuHeader, gpuLine(row), gpuLine(own)].join('\n')).toBe(
      [
        'shape               model    by                        dtype pass             ms   us/step  estimate      over',
        'H1024 B64 T128      lstm     cuDNN persist-static      bf16  train          1.50      11.7      2.50     0.60x',
        'H1024 B64 T128 D3   lstm     per-step                  bf16  train          1.50      11.7      2.50     0.60x',
      ].join('\n'),
    );
  });

  it('says why there is no time', () => {
    const { times: _, overEstimate: __, ...rest } = row;
    expect(gpuLine({ ...rest, why: 'CUDNN_STATUS_NOT_SUPPORTED' })).toMatch(
      /^H1024 B64 T128 .* train +CUDNN_STATUS_NOT_SUPPORTED$/,
    );
  });
});

describe('bnlstm bench gpu', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bnlstm-bench-gpu-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const bench = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const command = ['dist/cli/main.js', 'bench', 'gpu', ...args];
      execFile(process.execPath, command, { cwd: root }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  it('prints JSON that names the machine, and writes the same', async () => {
    const out = join(folder, 'results', 'gpu.json');
    const tiny = ['--device', 'cpu', '--shape', '8,4,3,2', '--dtype', 'f32', '--repeats', '3'];
    const { code, stdout, stderr } = await bench(...tiny, '--json', '--out', out);
    expect([code, stderr]).toEqual([0, '']);
    const { machine, device, rows } = JSON.parse(stdout);
    expect(machine.node).toBe(process.version);
    expect(device).toMatch(/^cpu:/);
    expect(rows.map((row: GpuRow) => `${row.model} ${row.pass}`)).toEqual([
      ...['bn-lstm forward', 'lstm forward', 'bn-lstm train', 'lstm train'],
    ]);
    for (const { times, estimateMs, plan } of rows as GpuRow[]) {
      expect(times?.msMin).toBeGreaterThan(0);
      expect(times?.msMedian).toBeLessThanOrEqual(times?.msMax as number);
      expect(estimateMs).toBeUndefined(); // it is a model of GPUs
      expect(plan).toMatch(/^\w+$/);
    }
    expect(await readFile(out, 'utf8')).toBe(stdout);
  });

  it('says of each row which plan it was to have, and why it has none', async () => {
    const tiny = ['--device', 'cpu', '--shape', '8,4,3,2', '--dtype', 'f32', '--norm', 'batch'];
    const { code, stdout, stderr } = await bench(...tiny, '--plan', 'steps', '--json');
    const why = /^plan: expected 'auto', got 'steps'/;
    const { rows } = JSON.parse(stdout) as { rows: GpuRow[] };
    expect(rows.map(({ plan, pass }) => [plan, pass])).toEqual([
      ['steps', 'forward'],
      ['steps', 'train'],
    ]);
    for (const row of rows) {
      expect(row.times).toBeUndefined();
      expect(row.why).toMatch(why);
    }
    expect(code).toBe(1);
    expect(stderr).toMatch(/^bnlstm: ERR_BNLSTM_UNSUPPORTED: nothing of ours was measured: plan: /);
  });

  it('says in one line what is not there', async () => {
    const { code, stdout, stderr } = await bench('--device', 'cuda:77');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^bnlstm: ERR_BNLSTM_DEVICE: .*\n$/);
  });
});
