// npm run test:native [-- --kind release|sanitize|thread] [arguments of the runner]: builds and runs
// the Node-free tests of test/native.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, folderOf } from './build.mjs';
import { withLock } from './lock.mjs';
import { become, fail, root, run } from './tools.mjs';

const { values, positionals } = parseArgs({
  options: { kind: { type: 'string', default: 'release' } },
  allowPositionals: true,
});
const { kind } = values;
const golden = join(root, 'build/golden.bin');

await withLock(async () => {
  await build({ kind, tests: true });
  mkdirSync(join(root, 'build'), { recursive: true });
  const exporter = join(root, 'test/native/export-golden.mjs');
  await run('exporting the golden cases', process.execPath, [
    exporter,
    join(root, 'test/golden.json'),
    golden,
  ]);
}).catch(fail);

const command = [join(root, folderOf(kind), 'bnlstm_native_test'), ...positionals];
// ThreadSanitizer's shadow has a fixed place that address randomisation may give away.
const fixed = kind === 'thread' && spawnSync('setarch', ['-R', 'true']).status === 0;
const [program, ...args] = fixed ? ['setarch', '-R', ...command] : command;
become(program, args, { ...process.env, BNLSTM_GOLDEN: golden });
