// Learning curves beside each other.

/**
 * @typedef {{ name: string, losses: readonly number[], testAccuracy: number, msPerIteration: number }} Run
 * @typedef {{ name: string, finalLoss: number, meanDifference: number, largestDifference: number }} Compared
 */

/** @param {readonly number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Running means: a point for every whole window.
 * @param {readonly number[]} losses @param {number} window
 */
export function smooth(losses, window) {
  return Array.from({ length: losses.length - window + 1 }, (_, first) =>
    mean(losses.slice(first, first + window)),
  );
}

/**
 * How far the smoothed loss of each run is from that of the first one.
 * @param {readonly Run[]} runs @param {number} window iterations @returns {Compared[]}
 */
export function compare(runs, window) {
  const curves = runs.map(({ losses }) => smooth(losses, window));
  return runs.map(({ name }, index) => {
    const differences = curves[index].map((loss, point) => Math.abs(loss - curves[0][point]));
    return {
      name,
      finalLoss: curves[index][curves[index].length - 1],
      meanDifference: mean(differences),
      largestDifference: Math.max(...differences),
    };
  });
}

/** @param {readonly Run[]} runs @param {readonly Compared[]} comparison */
export function table(runs, comparison) {
  /** @param {string} label @param {(index: number) => string} cell */
  const row = (label, cell) => `| ${[label, ...runs.map((_, index) => cell(index))].join(' | ')} |`;
  /** @param {'finalLoss' | 'meanDifference' | 'largestDifference'} key */
  const loss = (key) => (/** @type {number} */ index) => comparison[index][key].toFixed(3);
  return [
    row('', (index) => runs[index].name),
    row('---', () => '---'),
    row('smoothed loss at the end', loss('finalLoss')),
    row('smoothed loss, mean distance from the first', loss('meanDifference')),
    row('smoothed loss, largest distance from the first', loss('largestDifference')),
    row('test accuracy', (index) => `${(100 * runs[index].testAccuracy).toFixed(1)} %`),
    row('ms per iteration', (index) => runs[index].msPerIteration.toFixed(0)),
  ].join('\n');
}
