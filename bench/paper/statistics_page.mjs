// The section on how population statistics settle over time.
import { settlingRanges } from '../../lib/cli/paper/published.js';
import { table } from './learning_page.mjs';

/** @typedef {{ last: number, distance: readonly number[] }} Settling */
/** @typedef {{ steps: number, tables: Record<string, Settling> }} SettlingRun */

const names = {
  recurrentMean: { label: 'h Wh, mean', color: '#86b6ef' },
  recurrentVar: { label: 'h Wh, var.', color: '#2a78d6' },
  cellMean: { label: 'c, mean', color: '#eda27f' },
  cellVar: { label: 'c, var.', color: '#d9622b' },
};
const steps = [2, 3, 6, 11, 16, 21, 31, 51, 101];

/** @typedef {{ runs: readonly object[] }} Measured */

/** @param {Measured} recall @param {Measured} pmnist @param {Measured} mnist */
export function statistics(recall, pmnist, mnist) {
  const [symbols, permuted, scanline] = [recall, pmnist, mnist].map(
    ({ runs }) => /** @type {SettlingRun} */ (runs[0]),
  );
  const range = (/** @type {SettlingRun} */ { tables }, /** @type {number} */ step) => {
    const values = Object.values(tables).map(({ distance }) => distance[step - 1]);
    if (values.some((value) => value === undefined)) return '';
    return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  };
  const published = (/** @type {number} */ step) => {
    const found = settlingRanges.find((each) => each.step === step);
    return found ? `${found.from.toFixed(2)} to ${found.to.toFixed(2)}` : '';
  };
  const panel = (/** @type {string} */ title, /** @type {SettlingRun} */ { tables }) => ({
    title,
    x: {
      label: 'time step',
      range: /** @type {const} */ ([1, 60]),
      ticks: [1, 10, 20, 30, 40, 50, 60],
    },
    y: {
      label: 'distance from the end, relative to step 1',
      range: /** @type {const} */ ([0, 1]),
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    },
    series: Object.entries(names).map(([name, { label, color }]) => ({
      as: /** @type {const} */ ('line'),
      label,
      color,
      points: tables[name].distance
        .slice(0, 60)
        .map((value, k) => /** @type {[number, number]} */ ([k + 1, value])),
    })),
  });
  return {
    tables: table(
      ['step', 'permuted MNIST', 'MNIST', 'recall task', 'paper, Penn Treebank'],
      steps.map((step) => [
        `${step}`,
        range(permuted, step),
        range(scanline, step),
        range(symbols, step),
        published(step),
      ]),
    ),
    panels: [panel('Permuted MNIST', permuted), panel('The recall task', symbols)],
  };
}
