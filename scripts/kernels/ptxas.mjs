// Reads what `nvcc -Xptxas -v` says about kernels.
import { spawnSync } from 'node:child_process';
import { Stop } from '../tools.mjs';

/**
 * @typedef {object} Kernel
 * @property {string} name without namespaces and parameters
 * @property {string} architecture as 'sm_90a'
 * @property {string} use registers and memory, as the table has them
 */

/** @param {string} text @returns {string} with C++ names in place of mangled ones */
function demangle(text) {
  const { status, stdout, error } = spawnSync('c++filt', [], {
    input: text,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Stop(`c++filt failed: ${error?.message ?? status}`);
  return stdout;
}

/** `void bnlstm::cuda::Step<bnlstm::cuda::(anonymous namespace)::Adam>(long)` is `Step<Adam>`. @param {string} name */
export function shortName(name) {
  let depth = 0;
  let end = name.length;
  for (let i = name.length - 1; i >= 0; i--) {
    if (name[i] === ')') depth++;
    if (name[i] === '(' && --depth === 0) {
      end = i;
      break;
    }
  }
  return name
    .slice(0, end)
    .replaceAll('(anonymous namespace)::', '')
    .replaceAll('bnlstm::', '')
    .replaceAll('cuda::', '')
    .replace(/^void /, '');
}

/**
 * Every kernel, for each architecture.
 * @param {string} output @returns {Kernel[]}
 */
export function readKernels(output) {
  /** @type {Kernel[]} */
  const kernels = [];
  let entry = '';
  let architecture = '';
  let described = '';
  let memory = '';
  for (const line of demangle(output).split('\n')) {
    const begin = /Compiling entry function '(.*)' for '(sm_\w+)'/.exec(line);
    if (begin) [, entry, architecture] = begin;
    described = /Function properties for (.*)/.exec(line)?.[1] ?? described;
    // Functions that were not inlined have such a line too.
    const bytes = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(
      line,
    );
    if (bytes && described === entry) {
      const [stack, stores, loads] = bytes.slice(1).map(Number);
      memory = `${stores + loads} B spilled, ${stack} B stack`;
    }
    const used = /Used (\d+) registers/.exec(line);
    if (used) {
      const shared = /(\d+) bytes smem/.exec(line)?.[1] ?? '0';
      const use = `${used[1]} registers, ${memory}, ${shared} B shared`;
      kernels.push({ name: shortName(entry), architecture, use });
    }
  }
  return kernels;
}
