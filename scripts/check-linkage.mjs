// node scripts/check-linkage.mjs [FILE]: the addon asks for nothing but the system's own libraries.
//
// One that names a library of CUDA does not load where that is missing, not even to use the CPU.
// They are opened when it runs (native/cuda/library). libstdc++ is linked statically.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail, root, Stop } from './tools.mjs';

const system = /^(?:libc|libm|libdl|librt|libpthread|libgcc_s|ld-linux-[a-z0-9_-]+)\.so\.\d+$/;

/** @param {string} file @returns {string[]} the sonames that the loader will look for */
function neededBy(file) {
  const { status, stdout, stderr, error } = spawnSync('readelf', ['-d', '--wide', file], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (status !== 0) throw new Stop(`readelf -d ${file} failed: ${error?.message ?? stderr}`);
  const needed = [...stdout.matchAll(/\(NEEDED\)\s+Shared library: \[(.+)\]/g)];
  return needed.map(([, name]) => name);
}

function main() {
  const file = resolve(process.argv[2] ?? join(root, 'build/Release/bnlstm.node'));
  if (!existsSync(file)) throw new Stop(`there is no ${file}`);
  const needed = neededBy(file);
  if (needed.length === 0) throw new Stop(`${file} needs no library at all: is it an addon?`);
  const others = needed.filter((name) => !system.test(name));
  if (others.length > 0) {
    throw new Stop(`${file} is linked to ${others.join(', ')}: open it at run time`);
  }
  console.log(`needs ${needed.join(', ')}, and nothing of CUDA`);
}

try {
  main();
} catch (error) {
  fail(error);
}
