import { expect, test } from 'vitest';
import { killTrainings } from './kills.js';

// `node --import ./scripts/typescript.mjs scripts/kill-trainings.mjs` does it five hundred times.
test('a training that is killed again and again ends with the bits of one that was not', async () => {
  const { kills, whileSaving, failures } = await killTrainings(20, 1);
  expect(failures).toEqual([]);
  expect(kills).toBeGreaterThanOrEqual(20);
  expect(whileSaving).toBeGreaterThan(0);
}, 300_000);
