// npm run format:native [-- --check]: clang-format over the C++ code.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail, root, Stop } from './tools.mjs';

// Versions differ in what they print; this is the one that the committed code agrees with.
const version = 14;
const program = [`clang-format-${version}`, 'clang-format'].find((name) => {
  const { stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
  return stdout?.includes(`version ${version}.`);
});
if (program === undefined) {
  fail(new Stop(`clang-format ${version} is needed: apt-get install clang-format-${version}`));
}
const files = ['native', 'test/native']
  .map((folder) => join(root, folder))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .filter((file) => /\.(h|cpp|cu|cuh)$/.test(file));
const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
const { status } = spawnSync(program, [...mode, ...files], { stdio: 'inherit' });
process.exit(status ?? 1);
