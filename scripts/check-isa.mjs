// node scripts/check-isa.mjs [BUILD FOLDER]: no code for a special instruction set leaks out of the
// kernels that are chosen by it at run time.
//
// A linker keeps one copy of every inline function and template, from whichever object comes first.
// If that object was compiled for AVX-512, then std::vector's push_back needs AVX-512 everywhere. So
// the objects of the CMake libraries bnlstm_kernels_<isa>, and bnlstm_probe_<isa> of the tests, may
// define local symbols (anonymous namespaces, static) and what lies in bnlstm::cpu::<isa>, but
// nothing weak, unique or common.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fail, root, Stop } from './tools.mjs';

const library = /(?:^|\/)bnlstm_(?:kernels|probe)_([a-z0-9_]+)\.dir\/.*\.o$/;
const shared = new Map([
  ['W', 'weak'],
  ['V', 'weak'],
  ['u', 'unique'],
  ['C', 'common'],
  ['c', 'common'],
]);

/** @param {string} folder @returns {{ file: string, isa: string }[]} */
function findObjects(folder) {
  if (!existsSync(folder)) throw new Stop(`there is no build folder ${folder}`);
  const objects = readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const isa = library.exec(name)?.[1];
    return isa === undefined ? [] : [{ file: join(folder, name), isa }];
  });
  if (objects.length === 0) {
    throw new Stop(`no object of a library bnlstm_kernels_<isa> is in ${folder}: nothing to check`);
  }
  return objects;
}

/** @param {string} file @returns {{ type: string, name: string }[]} what it defines */
function symbolsOf(file) {
  const { status, stdout, stderr, error } = spawnSync('nm', ['-C', '--defined-only', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Stop(`nm ${file} failed: ${error?.message ?? stderr}`);
  const symbols = [...stdout.matchAll(/^[0-9a-f]+ (\S) (.+)$/gm)]; // none: not for this set
  return symbols.map(([, type, name]) => ({ type, name }));
}

/** @param {{ file: string, isa: string }} object @returns {string[]} */
function faultsOf({ file, isa }) {
  // With the type that it returns before it, if it is a template.
  const own = new RegExp(`(?:^|\\s)bnlstm::cpu::${isa}::`);
  return symbolsOf(file).flatMap(({ type, name }) => {
    if (own.test(name.replace(/\(.*/, ''))) return [];
    const kind = shared.get(type);
    if (kind !== undefined) {
      return `${kind} symbol ${name}: the linker may choose this copy for everybody. Keep inline \
functions and templates out of it, or in an anonymous namespace`;
    }
    // nm writes local symbols in small letters; i is a function chosen at load time.
    const local = type !== 'i' && type === type.toLowerCase();
    if (local) return [];
    return `global symbol ${name}, outside of bnlstm::cpu::${isa}`;
  });
}

function main() {
  const folder = resolve(process.argv[2] ?? join(root, 'build/Release'));
  const objects = findObjects(folder);
  const faults = objects.flatMap((object) =>
    faultsOf(object).map((fault) => `${relative(folder, object.file)}: ${fault}`),
  );
  if (faults.length > 0) throw new Stop(faults.join('\n'));
  const sets = [...new Set(objects.map(({ isa }) => isa))].sort();
  console.log(`${objects.length} objects for ${sets.join(', ')}: nothing leaks`);
}

try {
  main();
} catch (error) {
  fail(error);
}
