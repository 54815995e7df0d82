import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { closure, packed } from '../../scripts/pack-gpu-check.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bare = mkdtempSync(join(tmpdir(), 'bnlstm-pack-'));
afterAll(() => rmSync(bare, { recursive: true, force: true }));

const packages = {
  '': { dependencies: { a: '1' } },
  'node_modules/a': {
    dependencies: { b: '1' },
    optionalDependencies: { 'b-mac': '1', '@s/c': '1' },
  },
  'node_modules/a/node_modules/b': { dependencies: { d: '1' } },
  'node_modules/b': {},
  'node_modules/b-mac': {},
  'node_modules/@s/c': { peerDependencies: { a: '1', absent: '1' } },
  'node_modules/@s/c/node_modules/d': {},
  'node_modules/d': {},
  'node_modules/unused': {},
};

test('packs what the named packages need, of what is installed', () => {
  const installed = (path: string) => path !== 'node_modules/b-mac';
  expect(closure(packages, ['a'], installed)).toEqual([
    'node_modules/@s/c',
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/d',
  ]);
  expect(() => closure(packages, ['b-mac'], installed)).toThrow('b-mac is not installed');
});

test('packs all that the command line needs: it starts where nothing else is', () => {
  const folders = packed();
  expect(folders).toEqual(expect.arrayContaining(packed(Object.keys(dependencies))));
  // Copied: Node.js would look for the dependencies of a linked package beside its real place.
  for (const path of ['package.json', 'dist', ...packed(Object.keys(dependencies))])
    cpSync(join(root, path), join(bare, path), { recursive: true });
  for (const command of [['doctor'], ['bench', 'gpu']]) {
    const args = ['dist/cli/main.js', ...command, '--help'];
    const options = { cwd: bare, encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`bnlstm ${command.join(' ')}`);
  }
});
