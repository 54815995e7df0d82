import { expect, it } from 'vitest';
import { distances, type Run, report, smooth } from '../../bench/paper/curves.mjs';

const run = (dtype: 'f32' | 'bf16', seed: number, losses: readonly number[]): Run => ({
  ...{ dtype, seed, losses },
  device: 'cpu',
  testAccuracy: 0.5,
});
const runs = [
  run('f32', 1, [4, 4, 2, 2]),
  run('bf16', 1, [4, 4, 1, 1]),
  run('f32', 2, [4, 8, 2, 2]),
];

it('smooths by whole windows', () => {
  expect(smooth([1, 3, 5, 7], 2)).toEqual([2, 4, 6]);
});

it('measures how far smoothed curves are apart, and which ends lower', () => {
  const [a, b] = runs;
  expect(distances([[a, b]], 2)).toEqual({ whole: 0.5, half: 0.75, end: 1, shift: 1 });
  expect(distances([[b, a]], 2).shift).toBe(-1);
});

it('compares the dtypes with each seed, and f32 with itself', () => {
  const text = report(runs, 2);
  expect(text).toContain('| f32 and bf16, the same seed (1) | 0.500 | 0.750 | 1.000 | 1.000 |');
  expect(text).toContain('| f32 and f32, two seeds (1) | 1.333 | 1.000 | 0.000 | 0.000 |');
});
