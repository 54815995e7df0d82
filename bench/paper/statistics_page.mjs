// The section on how population statistics settle over time.
import { settlingRanges } from '../../lib/cli/paper/published.js';
import { table } from './learning_page.mjs';

/** @typedef {{ last: number, distance: readonly number[] }} Settling */
/** @typedef {{ steps: number, tables: Record<string, Settling> }} SettlingRun */

const names = {
  recurrentMean: { label: 'mean of h Wh', color: '#86b6ef' },
  recurrentVar: { label: 'variance of h Wh', color: '#2a78d6' },
  cellMean: { label: 'mean of c', color: '#eda27f' },
  cellVar: { label: 'variance of c', color: '#d9622b' },
};
const steps = [2, 3, 6, 11, 16, 21, 31, 51, 101];

/** @param {{ runs: readonly object[] }} recall @param {{ runs: readonly object[] }} pmnist */
export function statistics(recall, pmnist) {
  const [of, other] = [recall, pmnist].map(({ runs }) => /** @type {SettlingRun} */ (runs[0]));
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
      range: /** @type {const} */ ([0, 1.2]),
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
      ['step', 'permuted MNIST', 'recall task', 'paper, Penn Treebank'],
      steps.map((step) => [`${step}`, range(other, step), range(of, step), published(step)]),
    ),
    panels: [panel('Permuted MNIST', other), panel('The recall task', of)],
  };
}
