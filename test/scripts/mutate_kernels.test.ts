import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { mutations } from '../../scripts/kernels/mutations.mjs';
import { mutate } from '../../scripts/mutate-kernels.mjs';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const native = readdirSync(path('test/native'))
  .filter((file) => /^cuda_.*\.cpp$/.test(file))
  .map((file) => readFileSync(path(`test/native/${file}`), 'utf8'))
  .join();

/** A file of tests, or `native:` and the beginning of native tests' names. */
const exists = (tests: string) =>
  tests.startsWith('native:')
    ? native.includes(`TEST(${tests.slice('native:'.length)}`)
    : existsSync(path(tests));

describe('the deliberate bugs', () => {
  test.each(mutations.map((each) => [each.name, each] as const))('can be made: %s', (_, each) => {
    const text = readFileSync(path(`native/cuda/${each.file}`), 'utf8');
    const changed = mutate(text, each);
    expect(changed).not.toBe(text);
    expect(each.tests.length).toBeGreaterThan(0);
    for (const tests of each.tests) expect(exists(tests)).toBe(true);
  });

  test('have names of their own', () => {
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  });

  test('are refused where their text is not there exactly once', () => {
    const bug = { name: 'bug', file: 'a.cu', from: 'x = 1;', to: "x = '$&';", tests: [] };
    expect(mutate('int x = 1;', bug)).toBe("int x = '$&';");
    expect(() => mutate('int y;', bug)).toThrow('bug: a.cu has its text 0 times, not once');
    expect(() => mutate('x = 1; x = 1;', bug)).toThrow('2 times');
  });
});
