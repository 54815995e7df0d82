// node scripts/gpu-check/curves.mjs FILE FILE: whether two learning curves of train.mjs agree.
// They begin alike; then roundings grow, as training is chaotic: smoothed losses of two right runs
// (two seeds of f32, bench/paper/README.md) were 0.04 apart on the mean, and 0.08 for a while.
import { readFileSync } from 'node:fs';
import { distances } from '../../bench/paper/curves.mjs';

const tolerance = { first: 1e-4, mean: 0.1 };
/** Iterations. @param {number} length */
const windowOf = (length) => Math.min(50, length);

const [a, b] = process.argv.slice(2, 4).map((file) => JSON.parse(readFileSync(file, 'utf8')));
if (a.losses.length !== b.losses.length || !(a.losses.length > 0)) {
  throw new Error(`curves of ${a.losses.length} and ${b.losses.length} iterations`);
}
// JSON has no NaN: it became null.
if (![...a.losses, ...b.losses].every(Number.isFinite)) throw new Error('a loss is not finite');
const first = Math.abs(a.losses[0] - b.losses[0]) / Math.abs(b.losses[0]);
const { whole, end } = distances([[a, b]], windowOf(a.losses.length));
console.log(
  `figure: curves of ${a.losses.length} iterations: first losses ${first.toExponential(0)} apart, ` +
    `smoothed ${whole.toFixed(3)} on the mean, ${end.toFixed(3)} at the end`,
);
if (!(first <= tolerance.first && whole <= tolerance.mean)) process.exitCode = 1;
