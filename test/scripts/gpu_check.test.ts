import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { partNames, partsOf } from '../../scripts/gpu-check/parts.mjs';
import { runPart } from '../../scripts/gpu-check/run.mjs';
import { table } from '../../scripts/gpu-check/table.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'bnlstm-gpu-check-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

function check(args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['scripts/gpu-check.mjs', ...args],
    { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } },
  );
  return { status, stdout, stderr };
}
const json = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'));
const script = (name: string, text: string) => ({ name, command: [process.execPath, '-e', text] });

describe('the parts', () => {
  test('run in small without a GPU, and leave JSON', () => {
    const parts = ['learning', 'sanitize'];
    const { status, stdout } = check(['--device', 'cpu', '--out', out, ...parts]);
    expect(stdout).toMatch(
      /^part +result +seconds +figure\nsanitize +passed +[\d.]+ +the small set.*\nlearning +passed +[\d.]+ +2 iterations on cpu/,
    );
    expect(status).toBe(0);
    const { device, parts: results } = json('summary.json');
    expect(device).toBe('cpu');
    expect(results.map(({ name }: { name: string }) => name)).toEqual(['sanitize', 'learning']);
    expect(json('learning.json').steps).toHaveLength(3);
    expect(json('curve-device.json').losses).toHaveLength(2);
  });

  test('ask whether runs, rows and devices agree, of models with many weights too', () => {
    const args = ['scripts/gpu-check/agreement.mjs', 'cpu', 'small'];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect(stdout).toMatch(
      /^figure: same bits from run to run, equal rows get equal bits, losses of the CPU within 0e/,
    );
    expect(status).toBe(0);
  });

  test('fail singly, and the exit code says so', () => {
    const env = { BNLSTM_ADDON: '/nowhere/bnlstm.node' };
    const { status, stdout } = check(['--device', 'cpu', '--out', out, 'sanitize', 'bench'], env);
    expect(stdout).toMatch(
      /\nsanitize +FAILED .*plain: exit code 1\nbench +FAILED .*gpu: exit code/,
    );
    expect(status).toBe(1);
    expect(readFileSync(join(out, 'sanitize-plain.log'), 'utf8')).toContain('ERR_BNLSTM_ADDON');
  });

  test('on a GPU are the whole: suites, sanitizers, 1,000 iterations, cuDNN', () => {
    const parts = partsOf({ out, device: 'cuda' });
    expect(Object.keys(parts)).toEqual(partNames);
    for (const { seconds } of Object.values(parts)) expect(seconds).toBeLessThanOrEqual(300);
    const commands = JSON.stringify(parts);
    for (const tool of ['memcheck', 'racecheck', 'initcheck', 'synccheck'])
      expect(commands).toContain(tool);
    expect(commands).toContain('"BNLSTM_TEST_DEVICES":"cuda:0"');
    expect(commands).toContain('"1000"');
    expect(commands).not.toContain('--shape');
  });

  test.each([
    [[], /--out DIR is needed/],
    [['--out', out, 'nothing'], /there is no part nothing: build, numeric/],
    [['--out', out, '--device', 'tpu'], /--device must be cuda:N, emulator or cpu, not 'tpu'/],
    [['--out', out, '--fast'], /--fast/],
  ])('options %j are refused', (args, message) => {
    const { status, stderr } = check(args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});

describe('a part', () => {
  const program = (text: string) => script('step', text);
  const run = (steps: Parameters<typeof runPart>[1]['steps'], seconds = 60) =>
    runPart('part', { seconds, steps }, out);

  test('goes on after a step that fails, and fails', async () => {
    const bad = script('bad', 'process.exit(3)');
    const good = script('good', 'console.log("figure: 7 things")');
    const { passed, figure, steps } = await run([bad, good]);
    expect([passed, figure]).toEqual([false, 'bad: exit code 3; 7 things']);
    expect(steps.map((step) => step.passed)).toEqual([false, true]);
  });

  test('stops what takes too long, with all that it has started', async () => {
    const child = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 9)'], { stdio: 'inherit' })`;
    const { passed, figure, seconds } = await run(
      [program(`${child}; setInterval(() => {}, 9)`)],
      1,
    );
    expect([passed, figure]).toEqual([false, 'step: stopped after 1 s']);
    expect(seconds).toBeLessThan(30); // else the child has kept the pipe open
    const next = await run([program(''), program('')], -1);
    expect(next.figure).toContain('not begun');
    expect(next.passed).toBe(false);
  });

  test('tells a program that is not there, a crash and a missing result', async () => {
    const { steps } = await run([
      { name: 'absent', command: ['bnlstm-no-such-program'] },
      program('process.abort()'),
      {
        ...program(''),
        figure: () => {
          throw new Error('no test was run');
        },
      },
    ]);
    expect(steps.map(({ why }) => why)).toEqual([
      'bnlstm-no-such-program was not found on PATH',
      'SIGABRT',
      'no result: no test was run',
    ]);
  });

  test('runs steps of an inner list at the same time', async () => {
    const file = join(out, 'meeting');
    rmSync(file, { force: true });
    const fs = "const fs = require('fs');";
    const waits = `${fs} const t = setInterval(() => { if (fs.existsSync('${file}')) clearInterval(t); }, 9)`;
    const comes = `${fs} fs.writeFileSync('${file}', '')`;
    expect((await run([[program(waits), script('other', comes)]], 30)).passed).toBe(true);
  });

  test('has a line in the table', () => {
    const part = { name: 'numeric', passed: false, seconds: 12.34, figure: 'x: y', steps: [] };
    expect(table([part])).toBe(
      'part      result   seconds  figure\nnumeric   FAILED      12.3  x: y',
    );
  });
});

describe('learning curves', () => {
  const compare = (a: number[], b: number[]) => {
    const files = [a, b].map((losses, i) => {
      const file = join(out, `curve-${i}.json`);
      writeFileSync(file, JSON.stringify({ losses }));
      return file;
    });
    const command = ['scripts/gpu-check/curves.mjs', ...files];
    return spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
  };
  const curve = (end: number) => Array.from({ length: 200 }, (_, i) => 2.3 - (i * end) / 200);

  test('agree or not', () => {
    expect(compare(curve(1), curve(1.05)).status).toBe(0);
    expect(compare(curve(1), curve(1.5)).status).toBe(1);
    expect(compare(curve(1), [2.31, ...curve(1).slice(1)]).status).toBe(1);
    expect(compare(curve(1), [2.3, Number.NaN, ...curve(1).slice(2)]).status).toBe(1);
    expect(compare(curve(1), curve(1).slice(1)).stderr).toContain('200 and 199 iterations');
    expect(compare([], []).status).toBe(1);
  });
});
