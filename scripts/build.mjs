#!/usr/bin/env node
// Builds the native code with plain CMake:
//   node scripts/build.mjs [--kind KIND] [--cuda auto|on|off] [--tests] [--verbose]
// release   build/Release/bnlstm.node, where the loader looks first
// sanitize  build/sanitize/bnlstm.node with AddressSanitizer and UndefinedBehaviorSanitizer: the CPU's
//           engine, and that of CUDA on the emulator (on GPUs with --cuda on)
// thread    build/thread: the native tests alone, with ThreadSanitizer
// aarch64   build/aarch64: the native tests alone, cross-compiled for 64-bit Arm
// emulator  build/emulator/bnlstm.node: the CUDA engine runs on the CPU, as the device `emulator`
// Also for users of the package on a platform without a prebuilt addon, so nothing here may need
// a development dependency. Environment: CXX; BNLSTM_CUDA for --cuda,
// BNLSTM_CUDA_ARCHITECTURES as of CMakeLists.txt; CI or BNLSTM_WERROR=1 makes warnings errors.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withLock } from './lock.mjs';
import { buildTools, checkNode, fail, root, run, Stop } from './tools.mjs';

const kinds = {
  release: { folder: 'build/Release', sanitize: '', target: 'bnlstm' },
  sanitize: {
    folder: 'build/sanitize',
    sanitize: 'address,undefined',
    target: 'bnlstm',
    emulator: true,
  },
  thread: { folder: 'build/thread', sanitize: 'thread' },
  aarch64: { folder: 'build/aarch64', sanitize: '', machine: 'aarch64' },
  emulator: { folder: 'build/emulator', sanitize: '', target: 'bnlstm', emulator: true },
};

/**
 * @typedef {{ folder: string, sanitize: string, target?: string, machine?: string, emulator?: boolean }} Settings
 */

/** Where no option says otherwise. */
const cudaDefault = process.env.BNLSTM_CUDA ?? 'auto';
/** Empty: what CMakeLists.txt chooses. */
const architectures = process.env.BNLSTM_CUDA_ARCHITECTURES ?? '';

/** @typedef {{ kind: string, cuda: string, tests: boolean, verbose: boolean }} Options */

/** @param {string} kind @returns {Settings} */
function settingsOf(kind) {
  if (kind in kinds) return kinds[/** @type {keyof typeof kinds} */ (kind)];
  throw new Stop(`--kind must be one of ${Object.keys(kinds).join(', ')}`);
}

/** @param {string} kind */
export const folderOf = (kind) => settingsOf(kind).folder;

/** @param {string} kind @returns {string | undefined} another machine that it is built for */
export const machineOf = (kind) => settingsOf(kind).machine;

function nodeIncludes() {
  const require = createRequire(import.meta.url);
  try {
    return [
      dirname(require.resolve('node-addon-api/napi.h')),
      join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
    ];
  } catch {
    throw new Stop('node-addon-api or node-api-headers is not installed: run npm install');
  }
}

/** Where a CUDA compiler is on PATH: when that changes, CMake must look again. */
function findNvcc() {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.map((folder) => join(folder, 'nvcc')).find((file) => existsSync(file));
}

/**
 * Configures and builds. The caller holds the lock.
 * @param {Partial<Options>} [options]
 */
export async function build(options = {}) {
  const { kind = 'release', cuda = cudaDefault, tests = false, verbose = false } = options;
  const { folder, sanitize, target, machine, ...others } = settingsOf(kind);
  if (!['auto', 'on', 'off'].includes(cuda))
    throw new Stop('--cuda (or BNLSTM_CUDA) must be auto, on or off');
  // Sanitizers see nothing of what runs on a GPU: only on request.
  const onGpus = sanitize && cuda === 'on';
  const emulator = others.emulator && !onGpus;

  const { compiler, generator } = buildTools(machine);
  const werror = Boolean(process.env.CI || process.env.BNLSTM_WERROR);
  const launcher = process.env.CMAKE_CXX_COMPILER_LAUNCHER;
  const directory = join(root, folder);
  const configure = ['-S', root, '-B', directory, '-G', generator];
  const settings = {
    CMAKE_CXX_COMPILER: compiler,
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: directory,
    CMAKE_RUNTIME_OUTPUT_DIRECTORY: directory,
    BNLSTM_NODE_INCLUDE: nodeIncludes().join(';'),
    BNLSTM_CUDA: machine || emulator || (sanitize && !onGpus) ? 'OFF' : cuda.toUpperCase(),
    BNLSTM_CUDA_ARCHITECTURES: architectures,
    BNLSTM_EMULATOR: emulator ? 'ON' : 'OFF',
    BNLSTM_SANITIZE: sanitize,
    BNLSTM_TESTS: tests || target === undefined ? 'ON' : 'OFF',
    BNLSTM_WERROR: werror ? 'ON' : 'OFF',
    // Not with ccache. That every file includes what it uses, the release build shows.
    BNLSTM_PRECOMPILE: process.env.CI && !launcher && kind !== 'release' ? 'ON' : 'OFF',
    ...(machine && { CMAKE_SYSTEM_NAME: 'Linux', CMAKE_SYSTEM_PROCESSOR: machine }),
  };
  for (const [name, value] of Object.entries(settings)) configure.push(`-D${name}=${value}`);

  // CMake refuses, or silently keeps, what changed among these: then it starts afresh.
  const facts = JSON.stringify([
    ...[root, generator, compiler, process.env.CXXFLAGS, cuda, findNvcc(), architectures],
  ]);
  const factsFile = join(directory, 'bnlstm-facts.json');
  if (!existsSync(factsFile) || readFileSync(factsFile, 'utf8') !== facts) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
  }
  await run('configuring the native build', 'cmake', configure, verbose);
  writeFileSync(factsFile, facts);

  const targets = [];
  if (target !== undefined) targets.push(target);
  if (settings.BNLSTM_TESTS === 'ON') targets.push('bnlstm_native_test');
  const jobs = String(availableParallelism());
  const args = ['--build', directory, '--parallel', jobs, '--target', ...targets];
  await run('the native build', 'cmake', args, verbose);
}

function options() {
  try {
    return parseArgs({
      options: {
        kind: { type: 'string', default: 'release' },
        cuda: { type: 'string', default: cudaDefault },
        tests: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new Stop(/** @type {Error} */ (error).message);
  }
}

async function main() {
  checkNode();
  const chosen = options();
  const began = Date.now();
  await withLock(() => build(chosen));
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`bnlstm: built the native code (${chosen.kind}) in ${seconds} s`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main().catch(fail);
