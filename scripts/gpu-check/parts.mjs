// The parts of the GPU check, as programs to run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf } from '../build.mjs';
import { root } from '../tools.mjs';

/** @typedef {import('./run.mjs').Part} Part */
/** @typedef {import('./run.mjs').Step} Step */

export const partNames = ['build', 'numeric', 'sanitize', 'learning', 'bench'];

/** Of every part. */
const seconds = 290;
const node = process.execPath;

/** @param {string} path */
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * @param {{ out: string, device: string }} choice
 * @returns {Readonly<Record<string, Part>>}
 */
export function partsOf({ out, device }) {
  const gpu = device.startsWith('cuda');
  const kind = device === 'emulator' ? 'emulator' : 'release';
  const env = {
    // The suites of tests run on the devices named here, and fail where one is missing.
    BNLSTM_TEST_DEVICES: device === 'cpu' ? 'cpu:portable' : device === 'cuda' ? 'cuda:0' : device,
    ...(kind === 'emulator' && { BNLSTM_ADDON: join(root, folderOf(kind), 'bnlstm.node') }),
  };
  /** @param {string} name @param {string[]} args @param {Partial<Step>} [more] @returns {Step} */
  const script = (name, args, more) => {
    const [file, ...rest] = args;
    return { name, command: [node, join('scripts/gpu-check', file), ...rest], env, ...more };
  };
  /** @param {string} name @param {string[]} files @returns {Step} */
  const vitest = (name, files) => {
    const report = join(out, `${name}-tests.json`);
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    return {
      name,
      command: [node, 'node_modules/vitest/vitest.mjs', 'run', ...reporters, ...files],
      env,
      figure: () => {
        const { numPassedTests: passed } = json(report);
        if (!(passed > 0)) throw new Error('no test was run');
        return `${passed} ${name} tests`;
      },
    };
  };

  /** @type {Step[]} */
  const build = [
    {
      name: 'native',
      command: [...[node, 'scripts/build.mjs', '--kind', kind, '--cuda', gpu ? 'on' : 'off']],
    },
    script('typescript', ['compile.mjs']),
  ];
  const numeric = [
    gpu
      ? vitest('numeric', ['test/numeric', 'test/lifecycle'])
      : vitest('numeric', ['test/numeric/ops.test.ts']),
    script('agreement', ['agreement.mjs', device, gpu ? 'large' : 'small']),
  ];
  const tools = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
  /** @type {Step[]} */
  const sanitize = gpu
    ? tools.map((tool) => ({
        name: tool,
        command: [
          ...['compute-sanitizer', '--tool', tool, '--error-exitcode', '9'],
          ...[node, 'scripts/gpu-check/small.mjs', device],
        ],
        env,
        figure: () => tool,
      }))
    : [
        script('plain', ['small.mjs', device], {
          figure: () => 'the small set, without a sanitizer',
        }),
      ];
  const curve = (/** @type {string} */ name) => join(out, `curve-${name}.json`);
  const training = gpu ? ['1000', '100', '100'] : ['2', '8', '8']; // iterations, rows, hidden units
  const learning = [
    ...(gpu ? [vitest('recall', ['test/learning/recall.test.ts'])] : []),
    [
      script('train', ['train.mjs', device, curve('device'), ...training]),
      script('train-cpu', ['train.mjs', 'cpu', curve('cpu'), ...training]),
    ],
    script('curves', ['curves.mjs', curve('device'), curve('cpu')]),
  ];
  const table = join(out, 'bench-gpu.json');
  const size = gpu ? [] : ['--shape', '8,4,3', '--repeats', '3'];
  const bench = [
    {
      name: 'gpu',
      command: [
        ...[node, 'dist/cli/main.js', 'bench', 'gpu', '--device', device, '--out', table, ...size],
      ],
      env,
      figure: () => {
        const rows = /** @type {{ library: string, times?: object }[]} */ (json(table).rows);
        const measured = rows.filter(({ times }) => times);
        const theirs = measured.filter(({ library }) => library === 'cudnn').length;
        if (gpu && theirs === 0)
          throw new Error('cuDNN was not measured: see the rows in the JSON');
        return `${measured.length - theirs} rows of ours, ${theirs} of cuDNN`;
      },
    },
  ];
  const there = gpu ? [script('device', ['device.mjs', device], { needed: true })] : [];
  return {
    build: { seconds, steps: build },
    numeric: { seconds, steps: [...there, ...numeric] },
    sanitize: { seconds, steps: [...there, ...sanitize] },
    learning: { seconds, steps: [...there, ...learning] },
    bench: { seconds, steps: [...there, ...bench] },
  };
}
