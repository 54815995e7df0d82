// What the benchmarks of other libraries have in common: their options, which are those of
// `bnlstm bench cpu`, and the form of their results.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} Workload
 * @property {number} steps
 * @property {number} batch
 * @property {number} hidden
 * @property {number} [features]
 * @property {number} [vocabulary]
 * @property {string[]} passes
 * @property {boolean} [extra]
 *
 * @typedef {{ msMedian: number, msMin: number, msMax: number }} Times
 * @typedef {{ workload: string, norm: string, dtype: string, pass: string, threads: number }} Setting
 * @typedef {Setting & Times & { peer: string, version: string, isa?: string, floorMs?: number }} Row
 */

/** The exit code that says: this peer is not installed. */
export const missingCode = 3;

/** @type {Record<string, Workload>} */
export const workloads = JSON.parse(
  readFileSync(new URL('../../lib/cli/bench/workloads.json', import.meta.url), 'utf8'),
);

/** @param {string} peer @param {string} what @returns {never} */
export function missing(peer, what) {
  console.error(`${peer}: missing: ${what}`);
  process.exit(missingCode);
}

/**
 * The width of a step's input; tokens are one-hot vectors to those who have no tokens.
 * @param {Workload} workload
 */
export const widthOf = ({ features, vocabulary }) => features ?? vocabulary ?? 0;

/**
 * The settings that the command line asks for, as far as the peer can have them.
 * @param {{ norm: string[], dtype: string[], pass: string[] }} able
 */
export function parseSettings(able) {
  const names = Object.keys(workloads);
  const standard = names.filter((name) => !workloads[name].extra);
  const { values } = parseArgs({
    options: {
      workload: { type: 'string', default: standard.join() },
      norm: { type: 'string', default: 'batch,none' },
      dtype: { type: 'string', default: 'f32,bf16' },
      pass: { type: 'string', default: 'forward,train,inference' },
      threads: { type: 'string', default: [...new Set([1, availableParallelism()])].join() },
      repeats: { type: 'string', default: '9' },
      seconds: { type: 'string', default: '3' },
    },
  });
  const wrong = values.workload.split(',').find((name) => !names.includes(name));
  if (wrong) throw new Error(`--workload: expected ${names.join(' or ')}, got ${wrong}`);
  /** @param {'norm' | 'dtype' | 'pass'} name */
  const common = (name) => values[name].split(',').filter((item) => able[name].includes(item));
  /** @type {Setting[]} */
  const settings = [];
  for (const threads of values.threads.split(',').map(Number))
    for (const workload of values.workload.split(','))
      for (const dtype of common('dtype'))
        for (const norm of common('norm'))
          for (const pass of common('pass').filter((each) =>
            workloads[workload].passes.includes(each),
          ))
            settings.push({ workload, norm, dtype, pass, threads });
  return { settings, repeats: Number(values.repeats), seconds: Number(values.seconds) };
}
