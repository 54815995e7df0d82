/**
 * npm run golden -- FILE [--device D] [--dtype T]: runs every case of a golden file through the
 * package and prints the largest error of every tensor. Exit code 1 if one is above its tolerance.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { oneOf } from '../../lib/check.js';
import { native } from '../../lib/native.js';
import { parseGolden } from '../reference/golden.js';
import { compareGolden } from './compare.js';
import type { Verdict } from './comparison.js';

function line({ tensor, error, tolerance, passed }: Verdict): string {
  const limit = Number.isFinite(tolerance) ? `allowed ${tolerance.toExponential(0)}` : 'not judged';
  const mark = passed ? '' : '  FAILED';
  return `  ${tensor.padEnd(28)}${error.toExponential(1).padStart(8)}   ${limit}${mark}`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      device: { type: 'string', default: 'cpu' },
      dtype: { type: 'string', default: 'f32' },
    },
    allowPositionals: true,
  });
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) {
    throw new Error('usage: npm run golden -- FILE [--device D] [--dtype f32|bf16]');
  }
  const dtype = oneOf(values.dtype, '--dtype', ['f32', 'bf16']);
  const cases = parseGolden(JSON.parse(readFileSync(file, 'utf8')));
  const stream = new (native().Stream)(values.device, { threads: 0 });
  let failed = 0;
  try {
    console.log(`${file} on ${stream.device}, ${dtype}`);
    for (const golden of cases) {
      const verdicts = await compareGolden(stream, golden, dtype);
      console.log(`\n${golden.name}: ${golden.note}`);
      for (const verdict of verdicts) console.log(line(verdict));
      failed += verdicts.filter(({ passed }) => !passed).length;
    }
  } finally {
    stream.dispose();
  }
  console.log(`\n${cases.length} cases, ${failed} tensors above their tolerance`);
  return failed === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(`golden: ${error.message}`);
    process.exitCode = 2;
  },
);
