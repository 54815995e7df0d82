#!/usr/bin/env node
// Stands in for node-gyp under prebuildify, which knows nothing else and always runs
// `<node-gyp> rebuild --target=V --devdir=D --arch=A --release`. None of that means anything to
// our build. prebuildify then strips build/Release/bnlstm.node and moves it to prebuilds/.
const { spawnSync } = require('node:child_process');
const { join } = require('node:path');

const arch = process.argv.find((arg) => arg.startsWith('--arch='))?.slice('--arch='.length);
if (arch !== undefined && arch !== process.arch) {
  console.error(`bnlstm: cannot cross-compile for ${arch} on ${process.arch}`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, [join(__dirname, 'build.mjs')], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
