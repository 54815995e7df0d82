// Makes a checkout ready to run, doing only what is missing or out of date: packages, native
// addon, TypeScript. Quiet and quick when nothing is. Only Node's own modules.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { withLock } from './lock.mjs';
import { buildTools, checkNode, fail, root, run } from './tools.mjs';

/** @param {string} path below the root */
const at = (path) => join(root, path);

/**
 * A fingerprint of files and folders: names, sizes and times. Unlike a comparison of times it
 * notices a deleted file and an older one that is put back.
 * @param {readonly string[]} paths
 */
function fingerprint(paths) {
  const hash = createHash('sha256');
  /** @param {string} path */
  const add = (path) => {
    const stat = statSync(at(path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const name of readdirSync(at(path)).sort()) add(`${path}/${name}`);
    } else {
      hash.update(`${path} ${stat?.size} ${stat?.mtimeMs}\n`);
    }
  };
  paths.forEach(add);
  return hash.digest('hex');
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(at(path), 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether what `npm` last put into node_modules is what the lock file asks for. */
function packagesAgree() {
  /** @param {string} path @returns {Record<string, { version: string, optional?: boolean }>} */
  const packages = (path) => JSON.parse(read(path) ?? '{}').packages ?? {};
  const installed = packages('node_modules/.package-lock.json');
  return Object.entries(packages('package-lock.json')).every(
    ([name, { version, optional }]) =>
      name === '' || optional || installed[name]?.version === version,
  );
}

/**
 * What is kept up to date, in order. `state` is what it depends on; when the stamp file holds that
 * and the result exists, there is nothing to do.
 */
const steps = [
  {
    what: 'installing packages',
    stamp: 'node_modules/.bnlstm-lock',
    result: 'node_modules/.package-lock.json',
    state: () =>
      createHash('sha256')
        .update(read('package-lock.json') ?? '')
        .digest('hex'),
    agrees: packagesAgree, // after a plain `npm install` too
    make: () => run('npm ci', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']),
  },
  {
    what: 'building the native addon',
    stamp: 'build/Release/bnlstm-stamp',
    result: 'build/Release/bnlstm.node',
    state: () => fingerprint(['CMakeLists.txt', 'native', 'scripts/build.mjs']),
    check: buildTools, // before anything is downloaded
    make: () => build(),
  },
  {
    what: 'compiling TypeScript',
    stamp: '.cache/dist-stamp',
    result: 'dist/index.js',
    state: () => fingerprint(['tsconfig.json', 'package-lock.json', 'lib']),
    make: compile,
  },
];

export async function compile() {
  // Beside dist and swapped in when complete: no half-written or left-over file is ever seen.
  // A sibling, because the source maps hold relative paths.
  const fresh = at('dist.new');
  const old = at('dist.old');
  rmSync(fresh, { recursive: true, force: true });
  const tsc = at('node_modules/typescript/bin/tsc');
  await run('tsc', process.execPath, [tsc, '-p', root, '--outDir', fresh, '--pretty']);
  // What is read as a file, not imported, is not in tsc's output.
  cpSync(at('lib'), fresh, {
    recursive: true,
    filter: (source) => /\.(json|js|css)$/.test(source) || statSync(source).isDirectory(),
  });
  rmSync(old, { recursive: true, force: true });
  if (existsSync(at('dist'))) renameSync(at('dist'), old);
  renameSync(fresh, at('dist'));
  rmSync(old, { recursive: true, force: true });
}

/** @param {(typeof steps)[number]} step */
function isDone({ stamp, result, state }) {
  return existsSync(at(result)) && read(stamp) === state();
}

export async function setup() {
  checkNode();
  if (steps.every(isDone)) return;
  await withLock(async () => {
    for (const step of steps) if (!isDone(step)) step.check?.();
    for (const step of steps) {
      if (isDone(step)) continue;
      const state = step.state(); // before the work: what changes meanwhile is done next time
      if (!step.agrees?.()) {
        console.error(`bnlstm: ${step.what}`);
        await step.make();
      }
      mkdirSync(dirname(at(step.stamp)), { recursive: true });
      writeFileSync(at(step.stamp), state);
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup().catch(fail);
