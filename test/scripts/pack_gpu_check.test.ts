import { expect, test } from 'vitest';
import { closure } from '../../scripts/pack-gpu-check.mjs';

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
