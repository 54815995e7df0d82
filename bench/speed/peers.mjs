// Every library that is measured, and how: one command each, which prints an array of rows or ends
// with `missingCode` and a line that says what it needs.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { missingCode } from './settings.mjs';

/** @param {string} path below the root */
export const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {string[][]} commands the first that is not missing counts
 */

/** @type {readonly Peer[]} */
export const peers = [
  {
    // An interpreter of one's own comes first; Debian's package is of the system's.
    name: 'pytorch',
    commands: ['python3', '/usr/bin/python3'].map((python) => [
      python,
      at('bench/speed/pytorch.py'),
    ]),
  },
  { name: 'onednn', commands: [[process.execPath, at('bench/speed/onednn.mjs')]] },
  { name: 'onnxruntime', commands: [[process.execPath, at('bench/speed/onnxruntime.mjs')]] },
];

/**
 * Runs a command; what it writes to stderr is shown and kept.
 * @param {readonly string[]} command
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
export function capture([program, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      process.stderr.write(text);
      stderr += text;
    });
    child.on('error', ({ message }) => resolve({ code: missingCode, stdout, stderr: message }));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * A peer's rows, or why there are none.
 * @param {Peer} peer
 * @param {readonly string[]} args
 * @returns {Promise<{ rows: import('./settings.mjs').Row[], why?: string }>}
 */
export async function runPeer({ commands }, args) {
  let why = '';
  for (const command of commands) {
    const { code, stdout, stderr } = await capture([...command, ...args]);
    if (code === 0) return { rows: JSON.parse(stdout) };
    why = stderr.trim();
    if (code !== missingCode) return { rows: [], why: `ended with ${code}: ${why}` };
  }
  return { rows: [], why };
}
