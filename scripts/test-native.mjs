// npm run test:native [-- --kind release|sanitize|thread|aarch64] [arguments of the runner]: builds and
// runs the Node-free tests of test/native. The kind aarch64 runs them under qemu, and what must not
// depend on the machine (test/native/bits.h) is compared with the release build.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, folderOf, machineOf } from './build.mjs';
import { withLock } from './lock.mjs';
import { become, emulator, fail, root, run, Stop } from './tools.mjs';

const { values, positionals } = parseArgs({
  options: { kind: { type: 'string', default: 'release' } },
  allowPositionals: true,
});
const { kind } = values;
const golden = join(root, 'build/golden.bin');
process.env.BNLSTM_GOLDEN = golden;

/** @param {string} kind @returns {string[]} how to start its runner */
function command(kind) {
  const runner = join(root, folderOf(kind), 'bnlstm_native_test');
  const machine = machineOf(kind);
  if (machine !== undefined) return [...emulator(machine), runner];
  // ThreadSanitizer's shadow has a fixed place that address randomisation may give away.
  const fixed = kind === 'thread' && spawnSync('setarch', ['-R', 'true']).status === 0;
  return fixed ? ['setarch', '-R', runner] : [runner];
}

/** @param {string} kind @returns {string[]} */
function bitsOf(kind) {
  const [program, ...args] = command(kind);
  const { status, stdout, stderr } = spawnSync(program, [...args, '--bits'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Stop(`the runner of ${kind} printed no bits: ${stderr}`);
  return stdout.trimEnd().split('\n');
}

function compareBits() {
  const [here, there] = [bitsOf('release'), bitsOf(kind)];
  if (here.length < 20) throw new Stop('the runner has few bits to print');
  const different = here.filter((line) => !there.includes(line));
  if (different.length > 0 || there.length !== here.length) {
    throw new Stop(`${kind} gives other bits than release:\n${different.join('\n')}`);
  }
  console.log(`${here.length} results have the same bits on ${kind} and here`);
}

try {
  const machine = machineOf(kind);
  if (machine !== undefined) emulator(machine); // before a minute of building
  await withLock(async () => {
    await build({ kind, tests: true });
    if (machine !== undefined) await build({ kind: 'release', tests: true });
    mkdirSync(join(root, 'build'), { recursive: true });
    const exporter = join(root, 'test/native/export-golden.mjs');
    await run('exporting the golden cases', process.execPath, [
      exporter,
      join(root, 'test/golden.json'),
      golden,
    ]);
  });
  if (machine !== undefined) compareBits();
} catch (error) {
  fail(error);
}
const [program, ...args] = command(kind);
if (positionals.length > 0) {
  become(program, [...args, ...positionals]);
} else {
  // Two processes, as most tests have one thread.
  const shares = ['0/2', '1/2'].map((share) =>
    run(`share ${share} of the native tests`, program, [...args, '--share', share], true),
  );
  for (const ended of await Promise.allSettled(shares)) {
    if (ended.status === 'rejected') fail(ended.reason);
  }
}
