import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

const script = new URL('../../scripts/check-isa.mjs', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'bnlstm-isa-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles one source as an object of a library, and checks the folder. */
function check(source: string, library = 'bnlstm_kernels_avx2'): { status: number; text: string } {
  const objects = join(folder, 'CMakeFiles', `${library}.dir/native/cpu`);
  mkdirSync(objects, { recursive: true });
  const file = join(folder, 'kernel.cpp');
  writeFileSync(file, source);
  const compiler = process.env.CXX ?? 'c++';
  const args = ['-std=c++20', '-O0', '-c', file, '-o', join(objects, 'kernel.cpp.o')];
  const compiled = spawnSync(compiler, args, { encoding: 'utf8' });
  expect(compiled.stderr).toBe('');
  return run(folder);
}

function run(path: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, path], {
    encoding: 'utf8',
  });
  return { status: status as number, text: stdout + stderr };
}

const kernels = (body: string) => `namespace bnlstm::cpu::avx2 { ${body} }`;

// The format is that of GNU's nm.
describe.skipIf(process.platform !== 'linux')('check-isa', () => {
  test('lets pass what is local, or in the namespace of the instruction set', () => {
    const { status, text } = check(`
      namespace { template <class T> T Twice(T x) { return x + x; } }
      static int calls;
      extern int elsewhere;
      ${kernels('template <class T> int Size() { return sizeof(T); } template int Size<int>();')}
      ${kernels('int table[3]; int Run(int x) { return Twice(x) + ++calls + elsewhere; }')}`);
    expect(text).toBe('1 objects for avx2: nothing leaks\n');
    expect(status).toBe(0);
  });

  test.each([
    ['an inline function', 'inline int F() { return 1; } int G() { return F(); }', /weak/],
    [
      'an instance of a template of the standard library',
      `#include <vector>\n${kernels('void F(std::vector<int>& v) { v.push_back(1); }')}`,
      /weak symbol .*std::vector/,
    ],
    [
      'a static variable in a template',
      'template <class T> struct S { static inline int x = 1; }; int* F() { return &S<int>::x; }',
      /(unique|weak) symbol .*S<int>::x/,
    ],
    ['a function of another namespace', 'namespace bnlstm::cpu { void Gemm() {} }', /global.*Gemm/],
    ['one of another instruction set', 'namespace bnlstm::cpu::avx512 { void F() {} }', /outside/],
    ['a function of C', 'extern "C" void bnlstm_run() {}', /global symbol bnlstm_run, outside/],
    ['data of another namespace', 'int table[3] = {1, 2, 3};', /global symbol table/],
  ])('refuses %s', (_, source, message) => {
    const { status, text } = check(source);
    expect(text).toMatch(message);
    expect(text).toContain('bnlstm_kernels_avx2.dir/native/cpu/kernel.cpp.o');
    expect(status).toBe(1);
  });

  test('fails where there is nothing to check', () => {
    const { status, text } = check(kernels('int F() { return 1; }'), 'bnlstm_engine');
    expect(text).toMatch(/no object of a library bnlstm_kernels_<isa>.*nothing to check/);
    expect(status).toBe(1);
    expect(run(join(folder, 'nowhere')).text).toMatch(/no build folder/);
  });
});
