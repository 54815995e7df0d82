// Measures this package and all the libraries that are installed in one sitting, and writes one file:
//
//     node bench/speed/run.mjs --out bench/results/speed-<processor>-<date>.json
//
// Other options are those of `bnlstm bench cpu` and narrow what is measured; --device and --out are
// not for the other libraries. --peers names those that are asked (default: all).
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from '../../scripts/setup.mjs';
import { measureContention } from './contention.mjs';
import { machineFacts } from './machine.mjs';
import { at, capture, peers, runPeer } from './peers.mjs';

const common = ['workload', 'norm', 'dtype', 'pass', 'repeats', 'seconds'];
const all = peers.map(({ name }) => name);
const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    peers: { type: 'string', default: all.join() },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: [...new Set([1, availableParallelism()])].join() },
    workload: { type: 'string' },
    norm: { type: 'string' },
    dtype: { type: 'string' },
    pass: { type: 'string' },
    repeats: { type: 'string' },
    seconds: { type: 'string' },
  },
});
const { out } = values;
if (out === undefined) throw new Error('--out FILE is needed: where the results go');
const asked = values.peers.split(',').filter((name) => name !== '');
const unknown = asked.find((name) => !all.includes(name));
if (unknown) throw new Error(`--peers: expected ${all.join(' or ')}, got ${unknown}`);

/** @type {Record<string, string | undefined>} */
const given = values;
/** @param {readonly string[]} names */
const passOn = (names) => names.flatMap((name) => (given[name] ? [`--${name}`, given[name]] : []));
const args = [...passOn(common), '--threads', values.threads];

/** @param {readonly string[]} command @returns {Promise<any>} */
async function bnlstm(...command) {
  const main = at('dist/cli/main.js');
  const { code, stdout, stderr } = await capture([process.execPath, main, ...command, '--json']);
  if (code !== 0) throw new Error(`bnlstm ${command.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

await setup();
mkdirSync(dirname(out), { recursive: true });
const date = new Date().toISOString();
const doctor = await bnlstm('doctor', '--device', 'cpu');
const { version } = doctor;
console.error(`bnlstm ${version} ...`);
const own = ['--device', values.device, ...(values.dtype ? [] : ['--dtype', 'f32,bf16'])];
/** @type {import('./settings.mjs').Row[]} */
const rows = (await bnlstm('bench', 'cpu', ...args, ...own)).map((/** @type {object} */ row) => ({
  peer: 'bnlstm',
  version,
  ...row,
}));
/** @type {{ name: string, available: boolean, why?: string }[]} */
const found = [];
for (const peer of peers) {
  if (!asked.includes(peer.name)) {
    found.push({ name: peer.name, available: false, why: 'not asked for' });
    continue;
  }
  console.error(`${peer.name} ...`);
  const { rows: theirs, why } = await runPeer(peer, args);
  rows.push(...theirs);
  found.push({ name: peer.name, available: why === undefined, ...(why && { why }) });
}
console.error('contention ...');
const [contended] = (values.workload ?? 'W1').split(',');
const [device] = values.device.split(',');
const contention = await measureContention(contended, [
  ...passOn(['repeats', 'seconds']),
  ...['--device', device],
]);

const machine = machineFacts(doctor);
const result = { date, version, machine, peers: found, contention, rows };
writeFileSync(out, `${JSON.stringify(result, null, 1)}\n`);
console.error(`written: ${out}`);
