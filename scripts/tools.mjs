// What the scripts share: running programs, and saying in one line what the machine lacks.
// Only Node's own modules: these scripts run before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Something for the user to put right: printed without a stack, each line on its own. */
export class Stop extends Error {}

/**
 * Ends the process with what went wrong.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  console.error(error instanceof Stop ? error.message.replace(/^/gm, 'bnlstm: ') : error);
  process.exit(1);
}

const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Runs a program to its end and keeps its output to itself unless it fails. A signal that ends this
 * process ends the program first, with all that it started: a build left running would write into
 * the folder of the next one.
 * @param {string} what what it does, for the message
 * @param {string} program
 * @param {readonly string[]} args
 * @param {boolean} [verbose] show the output as it comes
 * @returns {Promise<void>}
 */
export function run(what, program, args, verbose = false) {
  return new Promise((resolve, reject) => {
    const output = verbose ? 'inherit' : 'pipe';
    // Detached: a process group of its own, which can be signalled as a whole.
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', output, output],
      detached: true,
    });
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-child.pid, signal);
    };
    const unhook = () => {
      for (const signal of signals) process.off(signal, forward);
    };
    for (const signal of signals) process.on(signal, forward);
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => {
      unhook();
      reject(new Stop(`${what} failed: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      unhook();
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(chunks));
      reject(new Stop(`${what} failed (${program}: ${signal ?? `exit code ${code}`})`));
    });
  });
}

/**
 * Hands the terminal to a program and takes over its exit code; signals go to it too.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export function become(program, args, env = process.env) {
  const child = spawn(program, args, { stdio: 'inherit', env });
  const forward = (/** @type {NodeJS.Signals} */ signal) => {
    // A terminal's Ctrl-C reaches the child by itself; a signal to this process alone does not.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  child.on('error', fail);
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exit(code ?? 1);
    process.kill(process.pid, signal); // end as the child did
  });
}

/** @param {string} text @param {readonly [number, number]} least */
function atLeast(text, least) {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined) return false;
  return Number(major) > least[0] || (Number(major) === least[0] && Number(minor) >= least[1]);
}

/** @param {string} program @param {readonly string[]} args @param {string} [input] */
function answer(program, args, input = '') {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', input });
  return status === 0 ? stdout : undefined;
}

export function checkNode() {
  if (!atLeast(process.version, [20, 19])) {
    throw new Stop(`Node.js 20.19 or newer is needed, this is ${process.version}: see nodejs.org`);
  }
}

/**
 * How to start a program that was built for another machine.
 * @param {string} machine as GNU calls it
 * @returns {string[]}
 */
export function emulator(machine) {
  const program = `qemu-${machine}`;
  if (answer(program, ['--version']) === undefined) {
    throw new Stop(`${program} is needed: apt-get install qemu-user`);
  }
  return [program, '-L', `/usr/${machine}-linux-gnu`]; // where Debian puts its libraries
}

const probe = `
#include <bit>
#include <concepts>
#include <span>
static_assert(__cplusplus >= 202002L && std::bit_width(8u) == 4u);
`;

/**
 * Finds what a native build takes, or says all that is missing, one line for each tool.
 * @param {string} [machine] to cross-compile for, as GNU calls it
 * @returns {{ compiler: string, generator: string }}
 */
export function buildTools(machine) {
  const missing = [];
  const cmake = answer('cmake', ['--version']);
  if (cmake === undefined || !atLeast(cmake, [3, 22])) {
    const found = cmake === undefined ? 'none was found' : `this is ${cmake.split('\n')[0]}`;
    missing.push(
      `CMake 3.22 or newer is needed, ${found}: install it (apt-get install cmake, brew install cmake)`,
    );
  }
  const native = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const candidates = machine ? [`${machine}-linux-gnu-g++`] : native;
  const compiler = candidates.find(
    (name) => answer(name, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], probe) !== undefined,
  );
  if (compiler === undefined && machine !== undefined) {
    missing.push(
      `${candidates[0]} 11 or newer is needed: apt-get install g++-${machine}-linux-gnu`,
    );
  } else if (compiler === undefined) {
    missing.push(
      `a C++20 compiler is needed, tried ${candidates.join(', ')}: install g++ 11 or clang 14 ` +
        'or newer (apt-get install g++, xcode-select --install) or set CXX',
    );
  }
  const ninja = answer('ninja', ['--version']) !== undefined;
  if (!ninja && answer('make', ['--version']) === undefined) {
    missing.push('Ninja or Make is needed: install one (apt-get install ninja-build)');
  }
  if (compiler === undefined || missing.length > 0) throw new Stop(missing.join('\n'));
  return { compiler, generator: ninja ? 'Ninja' : 'Unix Makefiles' };
}
