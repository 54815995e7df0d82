// The section on gradient flow.
import { gradientNorms } from '../../lib/cli/paper/published.js';
import { table } from './learning_page.mjs';

/** @typedef {import('./plot.mjs').Point} Point */
/**
 * @typedef {object} FlowRun
 * @property {string} model
 * @property {number} [gamma]
 * @property {readonly (number | null)[]} logNormOfGradient
 */

/** By gamma, from light to dark. @param {number} gamma */
const shade = (gamma) =>
  [
    '#b7d3f6',
    '#9ec5f4',
    '#86b6ef',
    '#6da7ec',
    '#5598e7',
    '#3987e5',
    '#2a78d6',
    '#1c5cab',
    '#104281',
    '#0d366b',
  ][Math.round(10 * gamma) - 1];

/** @param {{ runs: readonly object[], settings: { stride: number, steps: number } }} results */
export function flow({ runs, settings }) {
  const all = /** @type {readonly FlowRun[]} */ (runs);
  const { stride, steps } = settings;
  const show = (/** @type {number | null | undefined} */ value) => value?.toFixed(1) ?? '';
  const near = (/** @type {FlowRun} */ run, /** @type {number} */ t) =>
    show(run.logNormOfGradient[Math.min(Math.round(t / stride), run.logNormOfGradient.length - 1)]);
  const at = gradientNorms.steps;
  const published = (/** @type {number | undefined} */ gamma) =>
    gradientNorms.norms[/** @type {keyof typeof gradientNorms.norms} */ (`${gamma}`)];
  const rnn = all.filter(({ model }) => model === 'bn-rnn');
  const rest = all.filter(({ model }) => model !== 'bn-rnn');
  const series = (/** @type {readonly FlowRun[]} */ of) =>
    of.map((run) => ({
      as: /** @type {const} */ ('line'),
      color: run.gamma === undefined ? '#d9622b' : shade(run.gamma),
      // Drawn from the end of the sequence to its beginning, where the label then stands.
      points: run.logNormOfGradient
        .map((value, k) => /** @type {[number, number | null]} */ ([steps - 1 - k * stride, value]))
        .reverse()
        .flatMap(([t, value]) => (value === null ? [] : [/** @type {Point} */ ([t, value])])),
      label: run.gamma === undefined ? 'LSTM' : `${run.gamma}`,
    }));
  const x = {
    label: 'steps back from the end',
    range: /** @type {const} */ ([0, steps - 1]),
    ticks: [0, 200, 400, 600],
  };
  return {
    tables: [
      table(
        ['BN-RNN, gamma', ...at.flatMap((t) => [`t = ${t}`, 'paper'])],
        rnn.map((run) => [
          `${run.gamma}`,
          ...at.flatMap((t, k) => [near(run, t), show(published(run.gamma)[k])]),
        ]),
      ),
      table(
        ['this package’s', ...at.map((t) => `t = ${t}`)],
        rest.map((run) => [
          run.gamma === undefined ? 'LSTM' : `BN-LSTM, gamma ${run.gamma}`,
          ...at.map((t) => near(run, t)),
        ]),
      ),
    ].join('\n\n'),
    panels: [
      {
        title: 'BN-RNN at initialisation, by gamma',
        x,
        y: {
          label: 'log10 ‖∂L/∂h_t‖',
          range: /** @type {const} */ ([-100, 5]),
          ticks: [-100, -75, -50, -25, 0],
        },
        series: series(rnn),
      },
      {
        title: 'BN-LSTM and LSTM at initialisation',
        x,
        y: {
          label: 'log10 ‖∂L/∂h_t‖',
          range: /** @type {const} */ ([-15, 15]),
          ticks: [-15, -10, -5, 0, 5, 10, 15],
        },
        series: series(rest),
      },
    ],
  };
}
