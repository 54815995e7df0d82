import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type } from 'node:os';
import { at } from './peers.mjs';

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** @param {string} program @param {string[]} args */
function firstLine(program, ...args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', cwd: at('.') }).split('\n')[0];
  } catch {
    return undefined;
  }
}

/** Of the first CPU, as Linux tells: `{ L1d: '32K', L1i: '32K', L2: '1024K', L3: '32768K' }`. */
function caches() {
  const folder = '/sys/devices/system/cpu/cpu0/cache';
  /** @type {Record<string, string>} */
  const found = {};
  let names = [];
  try {
    names = readdirSync(folder).filter((name) => name.startsWith('index'));
  } catch {
    return undefined;
  }
  for (const name of names) {
    const [level, kind, size] = ['level', 'type', 'size'].map((file) =>
      read(`${folder}/${name}/${file}`),
    );
    const letter = { Data: 'd', Instruction: 'i' }[kind ?? ''] ?? '';
    if (level && size) found[`L${level}${letter}`] = size;
  }
  return found;
}

/**
 * Where and with what a sitting was measured.
 * @param {{ machine: Record<string, unknown>, instructionSets: readonly string[], device: { chosen: string } }} doctor
 *     what `bnlstm doctor --json` says
 */
export function machineFacts({ machine, instructionSets, device }) {
  return {
    ...machine,
    instructionSets,
    device: device.chosen,
    caches: caches(),
    os: /^PRETTY_NAME="(.*)"$/m.exec(read('/etc/os-release') ?? '')?.[1] ?? type(),
    compiler: firstLine(process.env.CXX ?? 'c++', '--version'),
    commit: firstLine('git', 'describe', '--always', '--dirty', '--abbrev=40'),
  };
}
