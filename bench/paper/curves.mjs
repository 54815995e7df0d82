// Learning curves beside each other.

/**
 * @typedef {object} Run
 * @property {'f32' | 'bf16'} dtype
 * @property {number} seed
 * @property {string} device as it was asked for
 * @property {readonly number[]} losses of every iteration
 * @property {number} testAccuracy
 */

/** @param {readonly number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Running means: a point for every whole window.
 * @param {readonly number[]} losses @param {number} window iterations
 */
export function smooth(losses, window) {
  return Array.from({ length: losses.length - window + 1 }, (_, first) =>
    mean(losses.slice(first, first + window)),
  );
}

/**
 * Mean distances of pairs of smoothed curves: over all points, over the second half, and at the end;
 * `shift` is how much lower the second curve ends.
 * @param {readonly (readonly [Run, Run])[]} pairs @param {number} window
 */
export function distances(pairs, window) {
  const differences = pairs.map(([a, b]) => {
    const other = smooth(b.losses, window);
    return smooth(a.losses, window).map((loss, point) => loss - other[point]);
  });
  const half = differences.map((each) => each.slice(Math.floor(each.length / 2)));
  const ends = differences.map((each) => each[each.length - 1]);
  const absolute = (/** @type {readonly number[]} */ values) => mean(values.map(Math.abs));
  return {
    whole: mean(differences.map(absolute)),
    half: mean(half.map(absolute)),
    end: absolute(ends),
    shift: mean(ends),
  };
}

/** @param {string[]} cells */
const row = (...cells) => `| ${cells.join(' | ')} |`;
const percent = (/** @type {Run} */ { testAccuracy }) => `${(100 * testAccuracy).toFixed(1)} %`;

/**
 * Two tables: the runs, and how far apart pairs of them are.
 * @param {readonly Run[]} runs @param {number} window
 */
export function report(runs, window) {
  const of = (/** @type {string} */ dtype) => runs.filter((run) => run.dtype === dtype);
  const full = of('f32');
  const sameSeed = (/** @type {readonly Run[]} */ others) =>
    full.flatMap((a) => others.filter((b) => b.seed === a.seed).map((b) => pair(a, b)));
  const kinds = {
    'f32 and bf16, the same seed': sameSeed(of('bf16')),
    'f32 and f32, two seeds': full.flatMap((a, i) => full.slice(i + 1).map((b) => pair(a, b))),
  };
  const end = (/** @type {Run} */ { losses }) => smooth(losses, window).at(-1)?.toFixed(3) ?? '';
  const lines = [
    row('dtype', 'seed', 'device', 'smoothed loss at the end', 'test accuracy'),
    row('---', '---', '---', '---', '---'),
    ...runs.map((run) => row(run.dtype, `${run.seed}`, run.device, end(run), percent(run))),
    '',
    row('pairs', 'distance', 'second half', 'at the end', 'the second ends lower by'),
    row('---', '---', '---', '---', '---'),
  ];
  for (const [name, pairs] of Object.entries(kinds)) {
    if (pairs.length === 0) continue;
    const { whole, half, end, shift } = distances(pairs, window);
    const numbers = [whole, half, end, shift].map((value) => value.toFixed(3));
    lines.push(row(`${name} (${pairs.length})`, ...numbers));
  }
  return lines.join('\n');
}

/** @param {Run} a @param {Run} b @returns {readonly [Run, Run]} */
const pair = (a, b) => [a, b];
