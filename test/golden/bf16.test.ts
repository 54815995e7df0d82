import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withStream } from '../numeric/check_case.js';
import { devices } from '../numeric/devices.js';
import { parseGolden } from '../reference/golden.js';
import { compareGolden } from './compare.js';

const file = new URL('../golden.json', import.meta.url);
const cases = parseGolden(JSON.parse(readFileSync(file, 'utf8')));

describe.each(devices)('golden.json in bf16 on %s', (device) => {
  it.each(cases.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
    const verdicts = await withStream(device, (stream) => compareGolden(stream, golden, 'bf16'));
    expect(verdicts.filter(({ passed }) => !passed)).toEqual([]);
  });
});
