// oneDNN's LSTM: builds onednn.cpp, runs it once per setting, prints one JSON array of rows.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missing, parseSettings, widthOf, workloads } from './settings.mjs';

/** @param {string} path below the root */
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const program = at('build/bench/onednn');
/** The exit code with which the program says that the primitive has no such form here. */
const unsupportedCode = 4;

function build() {
  mkdirSync(at('build/bench'), { recursive: true });
  const compiler = process.env.CXX ?? 'c++';
  const args = ['-std=c++20', '-O2', at('bench/speed/onednn.cpp'), '-ldnnl', '-o', program];
  const { status, error, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (error) missing('onednn', `a C++20 compiler (${compiler}): apt-get install g++`);
  if (status === 0) return;
  if (/dnnl\.hpp|ldnnl|written for oneDNN/.test(stderr)) {
    missing('onednn', 'oneDNN 2.x with headers: apt-get install libdnnl-dev (Debian 12)');
  }
  throw new Error(`onednn.cpp does not compile:\n${stderr}`);
}

build();
const able = { norm: ['none'], dtype: ['f32', 'bf16'], pass: ['forward', 'train', 'inference'] };
const { settings, repeats, seconds } = parseSettings(able);
/** @type {import('./settings.mjs').Row[]} */
const rows = [];
for (const setting of settings) {
  const { workload, dtype, pass, threads } = setting;
  const { steps, batch, hidden } = workloads[workload];
  const sizes = [steps, batch, widthOf(workloads[workload]), hidden].map(String);
  const { status, stdout, stderr } = spawnSync(
    program,
    [...sizes, dtype, pass, `${repeats}`, `${seconds}`],
    { encoding: 'utf8', env: { ...process.env, OMP_NUM_THREADS: `${threads}` } },
  );
  if (status === unsupportedCode) {
    console.error(`onednn: skipped ${workload} ${dtype} ${pass}: ${stderr.trim()}`);
    continue;
  }
  if (status !== 0) throw new Error(`onednn ended with ${status}: ${stderr}`);
  const [version, ...times] = stdout.trim().split(' ');
  const [msMedian, msMin, msMax] = times.map(Number);
  rows.push({ peer: 'onednn', version, ...setting, msMedian, msMin, msMax });
}
console.log(JSON.stringify(rows, null, 1));
