// node scripts/check-kernels.mjs [--update | --list] [FILES...]: compiles kernels of native/cuda for
// every architecture that is shipped, and compares registers, spills, stack and shared memory of
// those that native/cuda/kernels.json names with what it says. A change may be right: then
// --update writes it down, for the review to see. --list prints all kernels; to have one watched,
// write `"<its name>": {}` under its file into the table and run --update.
// FILES are names such as `bn_lstm`; none: those of the table. Without nvcc nothing is checked.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readKernels } from './kernels/ptxas.mjs';
import { fail, root, Stop } from './tools.mjs';

/** @typedef {Record<string, Record<string, Record<string, string>>>} Kernels by file, name and architecture */
/** @typedef {{ nvcc: string, kernels: Kernels }} Table */

/**
 * For those of a row nvcc makes the same PTX but for the name of its target (compared for three files, with nvcc 13.0):
 * its front end, which takes most of the time, runs once for a row.
 */
const samePtx = [
  ['80', '86', '89'],
  ['100', '120'],
];

/** Whether some source is another one on another architecture: then no PTX stands for that of another. */
function asksForArchitecture() {
  const folder = join(root, 'native/cuda');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cu|h)$/.test(name))
    .some((name) => /__CUDA_ARCH_(?!LIST__)/.test(readFileSync(join(folder, name), 'utf8')));
}

/** @param {readonly string[]} architectures @returns {string[]} nvcc's options */
function codeOptions(architectures) {
  const rows = asksForArchitecture() ? [] : samePtx;
  /** @type {Map<string, string[]>} */
  const targets = new Map();
  for (const each of architectures) {
    const [source] = rows.find((row) => row.includes(each)) ?? [each];
    targets.set(source, [...(targets.get(source) ?? []), `sm_${each}`]);
  }
  return [...targets].flatMap(([source, code]) => [
    '-gencode',
    `arch=compute_${source},code=[${code.join(',')}]`,
  ]);
}

/** What CMakeLists.txt has: there is one list of architectures and one of flags. */
function cmakeSettings() {
  const text = readFileSync(join(root, 'CMakeLists.txt'), 'utf8');
  const list = /set\(BNLSTM_CUDA_ARCHITECTURES ((?:\d+a?(?:-real)? ?)+)\)/.exec(text)?.[1];
  const flags = /COMPILE_LANGUAGE:CUDA>:-Xcompiler=\$\{host_flags\};([^>]*)>/.exec(text)?.[1];
  if (list === undefined || flags === undefined) {
    throw new Stop('CMakeLists.txt has no list of architectures, or no flags of nvcc');
  }
  const architectures = list.split(' ').map((each) => each.replace('-real', ''));
  return { architectures, flags: flags.split(';') };
}

/** @returns {string | undefined} as '13.0' */
function nvccRelease() {
  const { status, stdout } = spawnSync('nvcc', ['--version'], { encoding: 'utf8' });
  return status === 0 ? /release (\d+\.\d+)/.exec(stdout)?.[1] : undefined;
}

/** @param {string} file @param {readonly string[]} flags @param {string} folder @returns {Promise<string>} what ptxas said */
function compile(file, flags, folder) {
  const source = join(root, 'native/cuda', file);
  const args = [...flags, '-fatbin', '-Xptxas', '-v', '-o', join(folder, `${file}.fatbin`), source];
  return new Promise((resolve, reject) => {
    const child = spawn('nvcc', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (text += chunk));
    child.on('error', (error) => reject(new Stop(`nvcc: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve(text);
      else reject(new Stop(`nvcc ${file} failed:\n${text}`));
    });
  });
}

/** @param {readonly string[]} files @returns {Promise<Kernels>} all kernels of these files */
async function compileAll(files) {
  const { architectures, flags } = cmakeSettings();
  const every = [
    ...['-std=c++20', '-DNDEBUG', '-DBNLSTM_CUDA_ENGINE', `-I${join(root, 'native')}`, ...flags],
    ...codeOptions(architectures),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'bnlstm-kernels-'));
  /** @type {Kernels} */
  const found = {};
  const waiting = [...files];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      /** @type {Kernels[string]} */
      const kernels = {};
      for (const { name, architecture, use } of readKernels(await compile(file, every, folder))) {
        kernels[name] ??= {};
        kernels[name][architecture] = use;
      }
      found[file] = kernels;
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return found;
}

/** @param {Kernels} expected @param {Kernels} found @returns {string[]} */
function differences(expected, found) {
  return Object.entries(expected).flatMap(([file, kernels]) =>
    Object.entries(kernels).flatMap(([name, uses]) => {
      const actual = found[file]?.[name];
      if (actual === undefined) {
        const there = Object.keys(found[file] ?? {}).join(', ') || 'no kernel';
        return `${file} has no kernel ${name}; there is ${there}`;
      }
      const architectures = [...new Set([...Object.keys(uses), ...Object.keys(actual)])];
      return architectures
        .filter((each) => uses[each] !== actual[each])
        .map(
          (each) =>
            `${file}: ${name} on ${each}:\n  table: ${uses[each] ?? 'nothing'}\n` +
            `  now:   ${actual[each] ?? 'not compiled'}`,
        );
    }),
  );
}

/** @param {Kernels} watched @param {Kernels} found @returns {Kernels} the same kernels as they are now */
function updated(watched, found) {
  /** @type {Kernels} */
  const table = {};
  for (const [file, kernels] of Object.entries(watched)) {
    table[file] = {};
    for (const name of Object.keys(kernels)) {
      if (found[file][name] === undefined) {
        throw new Stop(differences({ [file]: { [name]: {} } }, found).join('\n'));
      }
      table[file][name] = found[file][name];
    }
  }
  return table;
}

function options() {
  const config = /** @type {const} */ ({
    options: {
      update: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      table: { type: 'string', default: join(root, 'native/cuda/kernels.json') },
    },
    allowPositionals: true,
  });
  try {
    return parseArgs(config);
  } catch (error) {
    throw new Stop(/** @type {Error} */ (error).message);
  }
}

async function main() {
  const { values, positionals } = options();
  const release = nvccRelease();
  if (release === undefined) return console.log('SKIPPED: no nvcc');
  const all = readdirSync(join(root, 'native/cuda')).filter((name) => name.endsWith('.cu'));
  /** @type {Table} */
  const table = JSON.parse(readFileSync(values.table, 'utf8'));
  const watchable = Object.keys(table.kernels);
  const files = positionals.length > 0 ? positionals.map((name) => `${name}.cu`) : watchable;
  const unknown = files.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Stop(`native/cuda has no ${unknown.join(', ')}`);
  const found = await compileAll(files);
  if (values.list) return console.log(JSON.stringify(found, null, 2));

  if (release !== table.nvcc && !values.update) {
    return console.log(
      `SKIPPED the comparison: the table is of nvcc ${table.nvcc}, this is ${release}; ` +
        `${files.length} files compile`,
    );
  }
  const watched = Object.fromEntries(
    Object.entries(table.kernels).filter(([file]) => files.includes(file)),
  );
  const spilling = Object.keys(watched).flatMap((file) =>
    Object.keys(watched[file]).flatMap((name) =>
      Object.entries(found[file]?.[name] ?? {})
        .filter(([, use]) => !/ 0 B spilled/.test(use))
        .map(([each, use]) => `${file}: ${name} on ${each} spills: ${use}`),
    ),
  );
  if (spilling.length > 0) throw new Stop(spilling.join('\n'));
  const faults = differences(watched, found);
  if (values.update) {
    if (release !== table.nvcc && watchable.some((file) => !files.includes(file))) {
      throw new Stop(`another nvcc (${release}, not ${table.nvcc}): update all files at once`);
    }
    const kernels = { ...table.kernels, ...updated(watched, found) };
    writeFileSync(values.table, `${JSON.stringify({ nvcc: release, kernels }, null, 2)}\n`);
    return console.log(faults.length > 0 ? faults.join('\n') : 'nothing has changed');
  }
  if (faults.length > 0) {
    throw new Stop(`${faults.join('\n')}\nif that is meant: check-kernels.mjs --update`);
  }
  const count = Object.values(watched).flatMap(Object.keys).length;
  console.log(`${files.length} files compile; ${count} kernels are as the table says`);
}

main().catch(fail);
