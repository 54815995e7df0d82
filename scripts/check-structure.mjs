// Holds the code to the plan of its folders: nothing imports anything higher, nothing outside the
// addon knows Node-API, one file loads the addon, and no file grows past 500 lines.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { root } from './tools.mjs';

const maxLines = 500;

// Lowest first. A layer may import its own level and lower ones; files right in lib/ are level 0,
// except index.ts. Folders of one level may use each other, but not mutually.
const lib = layers([
  ['program', 'reference'],
  ['ops'],
  ['nn', 'optim', 'data', 'io', 'report'],
  ['train', 'infer'],
  ['model'],
  ['index.ts'],
  ['cli'],
]);
const native = layers([['core'], ['ops', 'emulator'], ['cpu', 'cuda'], ['addon']]);

/** @param {readonly (readonly string[])[]} levels @returns {Map<string, number>} */
function layers(levels) {
  return new Map(levels.flatMap((names, i) => names.map((name) => [name, i + 1])));
}

/** @type {string[]} */
const faults = [];

/** @param {string} folder @param {RegExp} pattern @returns {string[]} paths below the root */
function files(folder, pattern) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => pattern.test(name))
    .sort();
}

/** @param {string} file */
const text = (file) => readFileSync(join(root, file), 'utf8');

/**
 * @param {string} top
 * @param {RegExp} pattern
 * @param {Map<string, number>} level
 * @param {(file: string) => string[]} imports paths below the root
 */
function checkLayers(top, pattern, level, imports) {
  /** @param {string} file */
  const layerOf = (file) => {
    const [first, second] = relative(top, file).split('/');
    return second === undefined && !level.has(first) ? '' : first;
  };
  /** @type {Map<string, string>} which file first made one folder depend on another of its level */
  const peers = new Map();
  for (const file of files(top, pattern)) {
    const from = layerOf(file);
    if (from !== '' && !level.has(from)) {
      faults.push(
        `${file}: unknown layer '${from}': give it a place in scripts/check-structure.mjs`,
      );
      continue;
    }
    for (const target of imports(file)) {
      if (!target.startsWith(`${top}/`)) {
        faults.push(`${file} imports ${target}, outside ${top}/`);
        continue;
      }
      const to = layerOf(target);
      const difference = (level.get(from) ?? 0) - (level.get(to) ?? 0);
      if (difference < 0) faults.push(`${file} imports ${target}, of a higher layer`);
      if (difference !== 0 || from === to) continue;
      const reverse = peers.get(`${to} ${from}`);
      if (reverse) faults.push(`${file} imports ${target}, but ${reverse} does the reverse`);
      else if (!peers.has(`${from} ${to}`)) peers.set(`${from} ${to}`, file);
    }
  }
}

checkLayers('lib', /\.ts$/, lib, (file) =>
  [...text(file).matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']+)'/g)].map(([, target]) =>
    normalize(join(dirname(file), target)).replace(/\.js$/, '.ts'),
  ),
);

checkLayers('native', /\.(h|cpp|cu|cuh)$/, native, (file) =>
  [...text(file).matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map(([, target]) => {
    if (!target.includes('/')) faults.push(`${file} includes "${target}": paths start at native/`);
    return join('native', target);
  }),
);

for (const file of [...files('native', /\.(h|cpp|cu|cuh)$/), ...files('test/native', /\./)]) {
  if (file.startsWith('native/addon/')) continue;
  if (/#\s*include\s*[<"](napi|node_api|js_native_api|node|v8|uv)\b/.test(text(file))) {
    faults.push(`${file} includes a header of Node: only native/addon may`);
  }
}

for (const file of files('lib', /\.ts$/)) {
  if (file !== 'lib/native.ts' && /node-gyp-build|\bdlopen\(|\.node['"`]/.test(text(file))) {
    faults.push(`${file} loads the addon: only lib/native.ts may`);
  }
}

for (const folder of ['native', 'lib', 'test', 'bench', 'examples', 'scripts']) {
  for (const file of files(folder, /\.(ts|mts|cts|js|mjs|cjs|h|cpp|cu|cuh|py)$/)) {
    const lines = text(file).split('\n').length - 1;
    if (lines > maxLines)
      faults.push(`${file} has ${lines} lines, more than ${maxLines}: divide it`);
  }
}

for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
console.log('structure: in order');
