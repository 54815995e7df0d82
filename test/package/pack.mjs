// Packs what would be published and installs it as a user would: in an empty folder, with no
// compiler and no install scripts; then once more from source, without the prebuilt addon.
//   node test/package/pack.mjs [--no-source]
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { setup } from '../../scripts/setup.mjs';
import { root } from '../../scripts/tools.mjs';

const work = mkdtempSync(join(tmpdir(), 'bnlstm-pack-'));
const app = join(work, 'app');
const tools = join(work, 'bin');

/** @param {string} program @param {readonly string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} [env] */
function run(program, args, cwd, env = process.env) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}${error ?? ''}`);
  return stdout;
}

/** @param {string} program */
function find(program) {
  return realpathSync(run('sh', ['-c', `command -v ${program}`], root).trim());
}

const use = `
const model = await sequential({ features: 1, seed: 1 }, [
  bnLstm({ hidden: 8, maxSteps: 12 }),
  lastStep(),
  linear(3),
]);
const { outputs } = await model.predict(
  { inputs: new Float32Array(2 * 12), size: 2, steps: 12 },
  { statistics: 'batch' },
);
await model.dispose();
if (outputs.length !== 6) throw new Error(\`6 outputs expected, got \${outputs.length}\`);
if (!outputs.every(Number.isFinite)) throw new Error(\`not finite: \${outputs}\`);
if (VERSION !== '${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}') throw new Error(VERSION);
if (!makeReport([{ name: 'empty', records: [] }]).includes('new uPlot(')) throw new Error('no script');
`;
const names = '{ sequential, bnLstm, lastStep, linear, makeReport, VERSION }';

async function lint() {
  const { messages, pkg } = await publint({ pkgDir: root, strict: true });
  for (const message of messages) console.error(formatMessage(message, pkg));
  if (messages.length > 0) throw new Error('publint has complaints');
}

/** @param {string} tarball @param {NodeJS.ProcessEnv} env */
function install(tarball, env) {
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true }');
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  run('npm', ['install', ...flags, tarball], app, env);
  writeFileSync(join(app, 'use.mjs'), `import ${names} from 'bnlstm';\n${use}`);
  writeFileSync(
    join(app, 'use.cjs'),
    `const ${names} = require('bnlstm');\n(async () => {${use}})();\n`,
  );
}

/** @param {NodeJS.ProcessEnv} env */
function useIt(env) {
  run('node', ['--unhandled-rejections=strict', 'use.mjs'], app, env);
  run('node', ['--unhandled-rejections=strict', 'use.cjs'], app, env);
}

try {
  await setup();
  run('npm', ['run', 'prebuildify'], root);
  await setup(); // prebuildify took the addon away
  await lint();
  const [{ filename, size, unpackedSize }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root),
  );
  console.log(`${filename}: ${size >> 10} KiB, unpacked ${unpackedSize >> 10} KiB`);

  mkdirSync(tools);
  for (const name of ['node', 'npm', 'sh']) symlinkSync(find(name), join(tools, name));
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, PATH: tools };
  for (const name of Object.keys(env)) {
    // Set by npm for scripts of this package, or meant for this tree's own addon.
    if (/^npm_|^(BNLSTM|PREBUILD)|^(CI|INIT_CWD)$/i.test(name)) delete env[name];
  }
  install(join(work, filename), env);
  useIt(env);
  console.log('installed without a compiler: import and require work');

  if (!process.argv.includes('--no-source')) {
    const installed = join(app, 'node_modules/bnlstm');
    rmSync(join(installed, 'prebuilds'), { recursive: true });
    const full = { ...env, PATH: `${tools}${delimiter}${process.env.PATH}` };
    // Without CUDA: compiling kernels for all GPUs once more would prove nothing more.
    run('node', [join(installed, 'scripts/build.mjs'), '--cuda', 'off'], app, full);
    useIt(env);
    console.log('built from source in place: import and require work');
  }
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
