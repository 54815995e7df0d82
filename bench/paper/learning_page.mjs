// The sections of experiments that train: tables in Markdown, and panels of figures.
import { gammaCurves, mnistCurves, mnistTest } from '../../lib/cli/paper/published.js';

/** @typedef {import('../../lib/cli/paper/results.js').RunResult} RunResult */
/** @typedef {{ runs: readonly RunResult[] }} Learned */
/** @typedef {import('./plot.mjs').Series} Series */
/** @typedef {import('./plot.mjs').Point} Point */

export const colors = { 'bn-lstm': '#2a78d6', lstm: '#d9622b' };
/** From light to dark, by gamma. */
const shades = ['#86b6ef', '#5598e7', '#2a78d6', '#1c5cab', '#0d366b'];

/** @param {readonly (string | undefined)[]} cells */
const row = (cells) => `| ${cells.map((cell) => cell ?? '').join(' | ')} |`;

/** @param {readonly string[]} heads @param {readonly (readonly (string | undefined)[])[]} rows */
export const table = (heads, rows) =>
  [row(heads), row(heads.map(() => '---')), ...rows.map(row)].join('\n');

/** @param {number | undefined} share */
const percent = (share) => (share === undefined ? undefined : `${(100 * share).toFixed(1)} %`);

/** @param {Learned} learned @param {string} model */
const runOf = ({ runs }, model) => {
  const run = runs.find(({ variables }) => variables.model === model);
  if (!run) throw new Error(`no run of ${model}`);
  return run;
};

/** @param {RunResult} run @param {number} iteration */
const validationAt = ({ validation }, iteration) =>
  validation.find((point) => point.iteration === iteration);

/** @param {RunResult} run @param {number} threshold */
const firstAt = ({ validation }, threshold) =>
  validation.find(({ accuracy }) => accuracy >= threshold)?.iteration;

/** @param {RunResult} run @returns {Point[]} */
const training = ({ curve }) => curve.iteration.map((at, k) => [at, curve.accuracy[k]]);

/** @param {Learned} scanline @param {Learned} permuted */
export function mnist(scanline, permuted) {
  const runs = [scanline, permuted].flatMap((learned) => [
    runOf(learned, 'bn-lstm'),
    runOf(learned, 'lstm'),
  ]);
  const columns = /** @type {const} */ (['bnLstm', 'lstm', 'permutedBnLstm', 'permutedLstm']);
  const iterations = [...new Set(runs.flatMap((run) => run.validation.map((p) => p.iteration)))];
  const rows = iterations
    .sort((a, b) => a - b)
    .map((iteration) => {
      const published = mnistCurves.find((each) => each.iteration === iteration);
      return [
        iteration.toLocaleString('en'),
        ...columns.flatMap((column, k) => [
          percent(validationAt(runs[k], iteration)?.accuracy),
          published && percent(published[column]),
        ]),
      ];
    });
  const heads = ['BN-LSTM', 'LSTM', 'permuted BN-LSTM', 'permuted LSTM'];
  const test = runs.map(({ name, iterations, seconds, test }, k) => [
    heads[k],
    iterations.toLocaleString('en'),
    `${Math.round((1000 * seconds) / iterations)}`,
    test?.iteration.toLocaleString('en'),
    percent(test?.accuracy),
    name && `${mnistTest[columns[k]].toFixed(1)} %`,
  ]);
  return {
    tables: [
      table(['iteration', ...heads.flatMap((head) => [head, 'paper'])], rows),
      table(
        ['', 'iterations', 'ms per iteration', 'weights tested', 'test accuracy', 'paper, 100,000'],
        test,
      ),
    ].join('\n\n'),
    panels: [
      panel('Sequential MNIST, scanline order', runs.slice(0, 2), columns.slice(0, 2)),
      panel('The same, authors’ index vector', runs.slice(2), columns.slice(2)),
    ],
  };
}

/** @param {string} title @param {readonly RunResult[]} runs @param {readonly ('bnLstm' | 'lstm' | 'permutedBnLstm' | 'permutedLstm')[]} columns */
function panel(title, runs, columns) {
  const [normalised, plain] = [colors['bn-lstm'], colors.lstm];
  /** @type {Series[]} */
  const series = runs.flatMap((run, k) => {
    const color = k === 0 ? normalised : plain;
    const points = run.validation.map(
      ({ iteration, accuracy }) => /** @type {Point} */ ([iteration, accuracy]),
    );
    return [
      { as: 'thin', color, points: training(run) },
      { as: 'line', color, points },
      { as: 'dots', color, points, label: k === 0 ? 'BN-LSTM' : 'LSTM' },
      {
        as: 'rings',
        color,
        points: mnistCurves.map(
          (each) => /** @type {Point} */ ([each.iteration, each[columns[k]]]),
        ),
      },
    ];
  });
  return {
    title,
    x: {
      label: 'iterations (rings: the paper’s validation accuracy)',
      range: /** @type {const} */ ([50, 100_000]),
      ticks: [100, 1_000, 10_000, 100_000],
      log: true,
    },
    y: {
      label: 'accuracy',
      range: /** @type {const} */ ([0, 1]),
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    },
    series,
  };
}

/** @param {Learned} learned */
export function gamma({ runs }) {
  const iterations = [...new Set(runs.flatMap((run) => run.validation.map((p) => p.iteration)))];
  const numbers = (/** @type {RunResult} */ run) =>
    iterations.map((iteration) => validationAt(run, iteration)?.loss.toFixed(3));
  const published = (/** @type {RunResult} */ { variables }) =>
    gammaCurves.losses[/** @type {keyof typeof gammaCurves.losses} */ (`${variables.gamma}`)];
  return {
    tables: table(
      [
        'gamma',
        ...iterations.map((iteration) => iteration.toLocaleString('en')),
        ...gammaCurves.iterations.map((iteration) => `paper, ${iteration.toLocaleString('en')}`),
      ],
      runs.map((run) => [
        `${run.variables.gamma}`,
        ...numbers(run),
        ...published(run).map((loss) => loss.toFixed(3)),
      ]),
    ),
    panels: [
      {
        title: 'Permuted MNIST by initial gamma',
        x: {
          label: 'iterations (rings: the paper’s validation loss)',
          range: /** @type {const} */ ([50, 50_000]),
          ticks: [100, 1_000, 10_000, 50_000],
          log: true,
        },
        y: {
          label: 'loss',
          range: /** @type {const} */ ([0, 2.5]),
          ticks: [0, 0.5, 1, 1.5, 2, 2.5],
        },
        series: runs.flatMap((run, k) => {
          const color = shades[k];
          const { iteration, loss } = run.curve;
          return /** @type {Series[]} */ ([
            {
              as: 'line',
              color,
              points: iteration.map((at, i) => [at, loss[i]]),
              label: `${run.variables.gamma}`,
            },
            {
              as: 'rings',
              color,
              points: gammaCurves.iterations.map((at, i) => [at, published(run)[i]]),
            },
          ]);
        }),
      },
    ],
  };
}

/** @param {readonly (number | undefined)[]} values least, median and most; undefined is 'never' */
function spread(values) {
  const sorted = values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const show = (/** @type {number} */ value) => (Number.isFinite(value) ? `${value}` : 'never');
  const middle = show(sorted[Math.floor((sorted.length - 1) / 2)]);
  return `${middle} (${show(sorted[0])} to ${show(sorted[sorted.length - 1])})`;
}

/** @param {Learned} learned */
export function recall({ runs }) {
  /** @type {Map<string, RunResult[]>} */
  const groups = new Map();
  for (const run of runs) {
    const { gamma } = run.variables;
    const name = gamma === undefined ? 'LSTM' : `${gamma}`;
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  const rows = [...groups].map(([name, group]) => {
    const ends = group.map(({ validation }) => validation[validation.length - 1].accuracy);
    const mean = ends.reduce((sum, value) => sum + value, 0) / ends.length;
    return [
      name,
      spread(group.map((run) => firstAt(run, 0.9))),
      spread(group.map((run) => firstAt(run, 0.99))),
      `${percent(mean)} (${percent(Math.min(...ends))} to ${percent(Math.max(...ends))})`,
    ];
  });
  const series = [...groups].flatMap(([name, group], k) => {
    const color = name === 'LSTM' ? colors.lstm : shades[k];
    const at = group[0].validation.map(({ iteration }) => iteration);
    const values = at.map((_, i) => group.map(({ validation }) => validation[i].accuracy));
    const line = values.map((each) => each.reduce((sum, value) => sum + value, 0) / each.length);
    const low = values.map((each) => Math.min(...each));
    const high = values.map((each) => Math.max(...each));
    const points = (/** @type {number[]} */ of) =>
      of.map((value, i) => /** @type {Point} */ ([at[i], value]));
    return /** @type {Series[]} */ ([
      { as: 'band', color, points: [...points(low), ...points(high).reverse()] },
      { as: 'line', color, points: points(line), label: name },
    ]);
  });
  return {
    tables: table(['gamma', 'iterations to 90 %', 'to 99 %', 'accuracy at the end'], rows),
    panels: [
      {
        title: 'The recall task by initial gamma',
        x: {
          label: 'iterations',
          range: /** @type {const} */ ([0, 600]),
          ticks: [0, 200, 400, 600],
        },
        y: {
          label: 'accuracy',
          range: /** @type {const} */ ([0, 1]),
          ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
        },
        series,
      },
    ],
  };
}
