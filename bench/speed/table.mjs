// Writes the table of README.md, between its two marks, from the newest result file:
//
//     node bench/speed/table.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { workloads } from './settings.mjs';

/**
 * @typedef {import('./settings.mjs').Row} Row
 * @typedef {object} Result what run.mjs writes
 * @property {string} date
 * @property {string} version
 * @property {{ processor: string, cores: number, os?: string, node: string }} machine
 * @property {{ why?: string, workload?: string, ratio?: number }} contention
 * @property {Row[]} rows
 */

const none = 'No measurement is committed yet: `node bench/speed/run.mjs --out FILE` makes one.';

/** The columns: the first word of a row's `peer`. */
const columns = { pytorch: 'PyTorch', onednn: 'oneDNN', onnxruntime: 'ONNX Runtime' };
/** What README shows; the rest is in the file. */
const shown = [
  { pass: 'train', norm: 'batch', title: 'BN-LSTM, forward and backward' },
  { pass: 'train', norm: 'none', title: 'LSTM, forward and backward' },
  { pass: 'inference', norm: 'batch', title: 'BN-LSTM, inference' },
  { pass: 'inference', norm: 'none', title: 'LSTM, inference' },
];

/** @param {Row} row */
const peerOf = (row) => row.peer.split(' ')[0];

/** The fastest row: of any number of threads and any form of a peer. */
/** @param {readonly Row[]} rows @returns {Row | undefined} */
const fastest = (rows) => rows.toSorted((a, b) => a.msMedian - b.msMedian)[0];

/** @param {number} value two digits that count, or the integer */
const digits = (value) => value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : 2);

/** @param {readonly (string | undefined)[]} cells */
export const line = (cells) => `| ${cells.map((cell) => cell ?? '').join(' | ')} |`;

/** Training of the workloads that are trained, inference of those that are not. @param {string} pass */
const workloadsOf = (pass) =>
  Object.keys(workloads).filter((name) => {
    const { passes, extra } = workloads[name];
    return !extra && passes.includes(pass) && (pass === 'train') === passes.includes('train');
  });

/**
 * The lines of one pass and norm: a line per workload and dtype that this package has.
 * @param {readonly Row[]} rows
 * @param {(typeof shown)[number]} which
 * @param {readonly string[]} peers
 */
function lines(rows, { pass, norm, title }, peers) {
  const found = [];
  for (const workload of workloadsOf(pass)) {
    for (const dtype of ['f32', 'bf16']) {
      const alike = rows.filter(
        (row) =>
          row.workload === workload &&
          row.dtype === dtype &&
          row.pass === pass &&
          row.norm === norm,
      );
      const own = fastest(alike.filter((row) => peerOf(row) === 'bnlstm'));
      if (own === undefined) continue;
      const ratios = peers.map((peer) => {
        const theirs = fastest(alike.filter((row) => peerOf(row) === peer));
        return theirs ? `${digits(theirs.msMedian / own.msMedian)}×` : '–';
      });
      const floor = own.floorMs === undefined ? '–' : digits(own.floorMs);
      found.push(line([`${title}, ${workload}, ${dtype}`, digits(own.msMedian), floor, ...ratios]));
    }
  }
  return found;
}

/** @param {string} name */
function describe(name) {
  const { steps, batch, features, vocabulary, hidden } = workloads[name];
  const input = vocabulary ? `tokens of ${vocabulary}` : `input size ${features}`;
  return `${name}: ${steps} steps, ${batch} ${batch === 1 ? 'row' : 'rows'}, ${input}, ${hidden} hidden units`;
}

/** @param {Result['contention']} contention */
function describeContention({ ratio, workload }) {
  if (ratio === undefined) return [];
  return [
    '',
    `Two threads on ${workload}, while another process keeps one of the cores busy, need ${digits(ratio)} times what one thread needs alone.`,
  ];
}

/**
 * The text between the marks.
 * @param {Result} result
 * @param {string} file below the root
 */
export function speedText({ date, version, machine, rows, contention }, file) {
  const peers = Object.keys(columns).filter((peer) => rows.some((row) => peerOf(row) === peer));
  const titles = peers.map((peer) => {
    const row = rows.find((each) => peerOf(each) === peer);
    return `${columns[/** @type {keyof typeof columns} */ (peer)]} ${row?.version}`;
  });
  const isas = [...new Set(rows.flatMap(({ isa }) => isa ?? []))].map((isa) => `\`cpu:${isa}\``);
  const names = [...new Set(shown.flatMap(({ pass }) => workloadsOf(pass)))].filter((name) =>
    rows.some(({ workload }) => workload === name),
  );
  return [
    `Measured on ${date.slice(0, 10)} on ${machine.cores} cores of ${machine.processor}, ${machine.os ?? ''}, Node ${machine.node}, bnlstm ${version}, ${isas.join(', ')} ([all results](${file})).`,
    'Medians; the columns of other libraries say how many times the time of bnlstm they take (below 1: they are faster), everyone at the number of threads and in the form that is fastest.',
    '',
    line(['', 'bnlstm, ms', 'floor, ms', ...titles]),
    line(['---', '--:', '--:', ...titles.map(() => '--:')]),
    ...shown.flatMap((which) => lines(rows, which, peers)),
    '',
    `${names.map(describe).join('; ')}.`,
    ...describeContention(contention),
  ].join('\n');
}

/** The text for the newest of the result files in a folder. @param {URL} folder @param {string} path of it below the root */
export function newestText(folder, path) {
  const results = readdirSync(folder)
    .filter((name) => /^speed-.*\.json$/.test(name))
    .map((name) => ({
      file: `${path}/${name}`,
      result: /** @type {Result} */ (JSON.parse(readFileSync(new URL(name, folder), 'utf8'))),
    }))
    .sort((a, b) => a.result.date.localeCompare(b.result.date));
  const newest = results.at(-1);
  return newest ? speedText(newest.result, newest.file) : none;
}

/**
 * A README.md with another text between the marks of a name.
 * @param {string} readme
 * @param {string} name
 * @param {string} text
 */
export function replaceMarked(readme, name, text) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks ${begin} or ${end}`);
  return `${readme.slice(0, from + begin.length)}\n${text}\n${readme.slice(to)}`;
}

/** README.md as it should be. */
export function currentReadme() {
  const folder = new URL('../results/', import.meta.url);
  return replaceMarked(
    readFileSync(new URL('../../README.md', import.meta.url), 'utf8'),
    'speed',
    newestText(folder, 'bench/results'),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../../README.md', import.meta.url), currentReadme());
}
