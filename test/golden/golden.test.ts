import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withStream } from '../numeric/check_case.js';
import { devices } from '../numeric/devices.js';
import { parseGolden } from '../reference/golden.js';
import { compareGolden } from './compare.js';
import { judge } from './comparison.js';

const file = new URL('../golden.json', import.meta.url);
const cases = parseGolden(JSON.parse(readFileSync(file, 'utf8')));

describe.each(devices)('golden.json on %s', (device) => {
  it.each(cases.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
    const verdicts = await withStream(device, (stream) => compareGolden(stream, golden));
    expect(verdicts.length).toBeGreaterThan(2);
    expect(verdicts.filter(({ passed }) => !passed)).toEqual([]);
  });
});

describe('judge', () => {
  const gradient = (tensor: string, actual: number[], expected: number[]) =>
    ({ tensor, kind: 'gradient', actual, expected }) as const;

  it('measures gradients by their largest, forward values absolutely', () => {
    const [db, y] = judge('any', [
      gradient('db', [100.0005, 1], [100, 1]),
      { tensor: 'y', kind: 'forward', actual: [0.1000005], expected: [0.1] },
    ]);
    expect(db).toMatchObject({ passed: true });
    expect(db.error).toBeCloseTo(5e-6);
    expect(y).toMatchObject({ passed: true });
    expect(y.error).toBeCloseTo(5e-7);
  });

  it('fails NaN, other lengths and what is too far off', () => {
    const verdicts = judge('any', [
      gradient('da', [Number.NaN], [1]),
      gradient('db', [1], [1, 2]),
      gradient('dc', [1.1], [1]),
    ]);
    expect(verdicts.map(({ passed }) => passed)).toEqual([false, false, false]);
  });

  it('measures a gradient that is zero by the others', () => {
    const [, dh0] = judge('any', [gradient('da', [1], [1]), gradient('dh0', [1e-7], [1e-17])]);
    expect(dh0).toMatchObject({ passed: true });
  });

  it('asks only for finite numbers where nothing can be exact', () => {
    const [dwx, broken, other] = judge('constant_prefix', [
      gradient('dwx', [2], [1]),
      gradient('dwx', [Number.POSITIVE_INFINITY], [1]),
      gradient('dwh', [1.01], [1]),
    ]);
    expect([dwx.passed, broken.passed, other.passed]).toEqual([true, false, false]);
  });
});
