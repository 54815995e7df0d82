import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const script = new URL('../../scripts/check-linkage.mjs', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'bnlstm-linkage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Links a library of that soname, against others. */
function link(soname: string, source: string, libraries: readonly string[] = []): string {
  const [from, file] = [join(folder, `${soname}.c`), join(folder, soname)];
  writeFileSync(from, source);
  const flags = ['-shared', '-fPIC', `-Wl,-soname,${soname}`, '-Wl,--no-as-needed'];
  const args = ['-x', 'c', from, '-x', 'none', ...flags, ...libraries, '-o', file];
  const { status, stderr } = spawnSync(process.env.CC ?? 'cc', args, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return file;
}

function check(file: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, file], {
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

describe.skipIf(process.platform !== 'linux')('check-linkage', () => {
  test('lets pass what the system has', () => {
    const { status, text } = check(
      link('fine.so', 'double cos(double); double f(void) { return cos(1); }', ['-lm']),
    );
    expect(text).toMatch(/^needs libm\.so\.6, libc\.so\.6, and nothing of CUDA\n$/);
    expect(status).toBe(0);
  });

  test.each(['libcudart.so.13', 'libcublas.so.13', 'libcuda.so.1', 'libstdc++.so.6'])(
    'refuses an addon that is linked to %s',
    (soname) => {
      const library = link(soname, 'int g(void) { return 1; }');
      const { status, text } = check(
        link('bad.so', 'int g(void); int f(void) { return g(); }', [library]),
      );
      expect(text).toContain(`bad.so is linked to ${soname}: open it at run time`);
      expect(status).toBe(1);
    },
  );

  test('fails where there is nothing to check', () => {
    expect(check(join(folder, 'nowhere.node'))).toMatchObject({ status: 1 });
    expect(check(script).status).toBe(1);
  });
});
