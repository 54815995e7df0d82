// node scripts/mutate-kernels.mjs [--list] [NAMES...]: whether the tests notice the deliberate bugs of
// scripts/kernels/mutations.mjs. Each is made in a copy of this tree, the engine is built for the
// emulator, and the tests that the bug names run there: one of them must fail. Without a bug they
// must pass. NAMES are parts of names. Half a minute for each bug, so it is not part of CI.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutations } from './kernels/mutations.mjs';
import { fail, root, Stop } from './tools.mjs';

const copy = join(root, 'build/mutations');
const prefix = 'native:'; // of tests that vitest does not run
const limit = 600; // seconds of a build or a run of tests: a bug may make a kernel wait for ever

/** @typedef {import('./kernels/mutations.mjs').Mutation} Mutation */

/**
 * The text of a source with the bug in it.
 * @param {string} text @param {Mutation} mutation
 */
export function mutate(text, { name, file, from, to }) {
  const count = text.split(from).length - 1;
  if (count !== 1) throw new Stop(`${name}: ${file} has its text ${count} times, not once`);
  return text.replace(from, () => to);
}

/** Makes the copy what this tree is. Files that are the same keep their times: builds are short. */
function synchronise() {
  const { status, stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Stop('git is needed: it says which files belong to the tree');
  for (const name of stdout.split('\0').filter(Boolean)) {
    const [from, to] = [join(root, name), join(copy, name)];
    if (!existsSync(from)) {
      rmSync(to, { force: true });
      continue;
    }
    const bytes = readFileSync(from);
    if (existsSync(to) && readFileSync(to).equals(bytes)) continue;
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, bytes);
  }
  if (!existsSync(join(copy, 'node_modules'))) {
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  }
}

/** @param {string} program @param {readonly string[]} args in the copy */
function run(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: copy,
    encoding: 'utf8',
    timeout: 1000 * limit,
    killSignal: 'SIGKILL',
    env: {
      ...process.env,
      BNLSTM_ADDON: join(copy, 'build/emulator/bnlstm.node'),
      BNLSTM_TEST_DEVICES: 'emulator',
    },
    maxBuffer: 1 << 28,
  });
  return { status, text: stdout + stderr };
}

/** @param {string} what */
function build(what) {
  const { status, text } = run(process.execPath, [
    'scripts/build.mjs',
    '--kind',
    'emulator',
    '--tests',
  ]);
  if (status !== 0) throw new Stop(`${what}: the build failed:\n${text.slice(-3000)}`);
}

/**
 * @param {readonly string[]} tests
 * @returns {string | undefined} what failed; undefined if all is well
 */
function test(tests) {
  const native = tests.filter((each) => each.startsWith(prefix));
  const files = tests.filter((each) => !each.startsWith(prefix));
  const failed = native.length > 0 ? testNative(native) : undefined;
  return failed ?? (files.length > 0 ? testFiles(files) : undefined);
}

/** @param {readonly string[]} tests */
function testNative(tests) {
  const runner = join(copy, 'build/emulator/bnlstm_native_test');
  const { status, text } = run(
    runner,
    tests.map((each) => each.slice(prefix.length)),
  );
  if (status === 0) return undefined;
  if (text.includes('\n0 passed, 0 failed')) throw new Stop(`no test was run:\n${text}`);
  return /FAILED (\w+)/.exec(text)?.[1] ?? 'the native tests did not come to an end';
}

/** @param {readonly string[]} files */
function testFiles(files) {
  const report = join(copy, 'build/report.json');
  rmSync(report, { force: true });
  const reporters = ['--reporter=json', `--outputFile=${report}`, '--bail=1'];
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...files];
  const { status, text } = run(process.execPath, vitest);
  if (status === null) return `no end within ${limit} s`;
  const { numPassedTests = 0, testResults = [] } = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : {};
  if (status === 0 && !(numPassedTests > 0))
    throw new Stop(`no test was run:\n${text.slice(-3000)}`);
  if (status === 0) return undefined;
  const failed = testResults
    .flatMap((/** @type {{ assertionResults: object[] }} */ each) => each.assertionResults)
    .find((/** @type {{ status: string }} */ each) => each.status === 'failed');
  return failed?.fullName ?? 'the tests did not come to an end';
}

function main() {
  const { values, positionals } = parseArgs({
    options: { list: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const chosen = mutations.filter(
    ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
  );
  if (chosen.length === 0) throw new Stop(`no bug is called ${positionals.join(', ')}`);
  // All of them first: a text that has moved is found in a second.
  const texts = chosen.map((each) => {
    const file = join(root, 'native/cuda', each.file);
    if (!existsSync(file)) throw new Stop(`${each.name}: there is no native/cuda/${each.file}`);
    return mutate(readFileSync(file, 'utf8'), each);
  });
  if (values.list) return console.log(chosen.map(({ name }) => name).join('\n'));

  synchronise();
  build('without a bug');
  const files = [...new Set(chosen.flatMap(({ tests }) => tests))];
  const broken = test(files);
  if (broken !== undefined) throw new Stop(`without a bug a test fails: ${broken}`);
  let survived = 0;
  for (const [index, { name, file, tests }] of chosen.entries()) {
    const began = Date.now();
    writeFileSync(join(copy, 'native/cuda', file), texts[index]);
    build(name);
    const failure = test(tests);
    if (failure === undefined) survived++;
    const seconds = `${Math.round((Date.now() - began) / 1000)} s`;
    const verdict = failure === undefined ? 'SURVIVED' : 'caught  ';
    console.log(`${verdict}  ${name} (${seconds}): ${failure ?? '-'}`);
    synchronise();
  }
  console.log(`${chosen.length - survived} of ${chosen.length} bugs were caught`);
  if (survived > 0) process.exitCode = 1;
}

try {
  if (process.argv[1] === fileURLToPath(import.meta.url)) main();
} catch (error) {
  fail(error);
}
