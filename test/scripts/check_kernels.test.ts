import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readKernels, shortName } from '../../scripts/kernels/ptxas.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bnlstm-kernels-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mangled =
  '_ZN6bnlstm4cuda47_GLOBAL__N__1dfb5ea3_14_global_norm_cu_b69ffc1010SumSquaresEPKflPd';
const kernel = (registers: number, architecture: string, spilled = 0, shared = '') => `
ptxas info    : Compiling entry function '${mangled}' for '${architecture}'
ptxas info    : Function properties for _ZN6bnlstm4cuda6HelperEv
    512 bytes stack frame, 64 bytes spill stores, 64 bytes spill loads
ptxas info    : Function properties for ${mangled}
    8 bytes stack frame, ${spilled} bytes spill stores, ${spilled} bytes spill loads
ptxas info    : Used ${registers} registers, used 1 barriers,${shared} 376 bytes cmem[0]
`;
const hasFilter = spawnSync('c++filt', ['--version']).status === 0;

describe.skipIf(!hasFilter)('what ptxas says', () => {
  test('is read for each kernel and architecture', () => {
    const text = kernel(34, 'sm_80') + kernel(255, 'sm_90a', 16, ' 1024 bytes smem,');
    expect(readKernels(text)).toEqual([
      {
        ...{ name: 'SumSquares', architecture: 'sm_80' },
        use: '34 registers, 0 B spilled, 8 B stack, 0 B shared',
      },
      {
        ...{ name: 'SumSquares', architecture: 'sm_90a' },
        use: '255 registers, 32 B spilled, 8 B stack, 1024 B shared',
      },
    ]);
  });

  test.each([
    ['void bnlstm::cuda::Step<bnlstm::cuda::(anonymous namespace)::Adam>(long)', 'Step<Adam>'],
    ['bnlstm::cuda::F(float (*)(int), long)', 'F'],
    [
      'void bnlstm::cuda::ForEach<bnlstm::cuda::Run(bnlstm::ops::Add const&)::{lambda(long)#1}>(long)',
      'ForEach<Run(ops::Add const&)::{lambda(long)#1}>',
    ],
  ])('names: %s', (name, short) => {
    expect(shortName(name)).toBe(short);
  });
});

/** Runs the script with an nvcc that only talks. */
function check(args: string[], { says = '', release = '13.0', nvcc = true, table = {} } = {}) {
  const program = join(folder, 'nvcc');
  writeFileSync(join(folder, 'says'), says);
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$1" = --version ] && echo "Cuda compilation tools, release ${release}, V0" && exit\n` +
      `echo "$@" > '${folder}/asked'\ncat '${folder}/says' >&2\n[ -s '${folder}/says' ]\n`,
  );
  chmodSync(program, 0o755);
  const file = join(folder, 'table.json');
  const kernels = { 'global_norm.cu': { SumSquares: table } };
  writeFileSync(file, JSON.stringify({ nvcc: '13.0', kernels }));
  const path = nvcc ? `${folder}:/usr/bin:/bin` : join(folder, 'empty');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/check-kernels.mjs'), '--table', file, ...args],
    { encoding: 'utf8', env: { ...process.env, PATH: path } },
  );
  const { kernels: after } = JSON.parse(readFileSync(file, 'utf8'));
  return { status, text: stdout + stderr, after: after['global_norm.cu'].SumSquares };
}

describe.skipIf(!hasFilter)('check-kernels', () => {
  const use = (registers: number) => `${registers} registers, 0 B spilled, 8 B stack, 0 B shared`;
  const says = kernel(34, 'sm_80') + kernel(30, 'sm_120');
  const table = { sm_80: use(34), sm_120: use(30) };

  test('passes what is as the table says, compiled for all that is shipped', () => {
    const { status, text } = check([], { says, table });
    expect(text).toBe('1 files compile; 1 kernels are as the table says\n');
    expect(status).toBe(0);
    const asked = readFileSync(join(folder, 'asked'), 'utf8');
    for (const each of [
      '80,code=[sm_80,sm_86,sm_89]',
      '90a,code=[sm_90a]',
      '100,code=[sm_100,sm_120]',
    ])
      expect(asked).toContain(`-gencode arch=compute_${each}`);
    expect(asked).toContain('-fmad=false');
    expect(asked).toContain(join(dirname(root), 'x').slice(0, -1)); // absolute paths
  });

  test('says what differs', () => {
    const { status, text } = check([], { says, table: { ...table, sm_80: use(33) } });
    expect(text).toContain(
      `SumSquares on sm_80:\nbnlstm:   table: ${use(33)}\nbnlstm:   now:   ${use(34)}`,
    );
    expect(status).toBe(1);
    const missing = check([], { says: kernel(34, 'sm_80'), table });
    expect(missing.text).toContain(
      `sm_120:\nbnlstm:   table: ${use(30)}\nbnlstm:   now:   not compiled`,
    );
    expect(missing.status).toBe(1);
  });

  test('takes no kernel that spills registers into the table', () => {
    const spilling = { says: kernel(255, 'sm_90a', 8) + kernel(30, 'sm_120'), table };
    for (const args of [[], ['--update']]) {
      const { status, text, after } = check(args, spilling);
      expect([status, after]).toEqual([1, table]);
      expect(text).toContain('global_norm.cu: SumSquares on sm_90a spills: 255 registers, 16 B');
    }
  });

  test('updates the table, and only then', () => {
    expect(check([], { says }).after).toEqual({});
    const { status, after } = check(['--update', 'global_norm'], { says });
    expect([status, after]).toEqual([0, table]);
  });

  test('tells a kernel that is gone, a file that is not there and a fault of nvcc', () => {
    const gone = check([], { says: 'ptxas info    : 0 bytes gmem', table });
    expect([gone.status, gone.text]).toEqual([1, expect.stringContaining('no kernel SumSquares')]);
    expect(check(['nothing'], { says, table }).text).toContain('native/cuda has no nothing.cu');
    const fault = check([], { table });
    expect([fault.status, fault.text]).toEqual([
      1,
      expect.stringContaining('nvcc global_norm.cu failed'),
    ]);
  });

  test('compares with no other nvcc than that of the table, and needs none', () => {
    const other = check([], { says, release: '12.4' });
    expect([other.status, other.text]).toEqual([
      0,
      'SKIPPED the comparison: the table is of nvcc 13.0, this is 12.4; 1 files compile\n',
    ]);
    const none = check([], { nvcc: false });
    expect([none.status, none.text]).toEqual([0, 'SKIPPED: no nvcc\n']);
  });
});
