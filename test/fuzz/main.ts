/**
 * npm run fuzz -- [--target safetensors|history|model|checkpoint] [--executions N] [--seed S] [--first N]
 * [--out FILE]: reads files that are near to good ones. What is found is written beside FILE (or
 * here), one file each; the exit code is 1 then.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { integer, oneOf } from '../../lib/check.js';
import { fuzz } from './fuzz.js';
import { type Target, targets } from './targets.js';

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'safetensors' },
    executions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    out: { type: 'string' },
  },
});
const names = Object.keys(targets) as (keyof typeof targets)[];
const name = oneOf(values.target, '--target', names);
const count = (option: 'executions' | 'seed' | 'first') =>
  integer(Number(values[option]), `--${option}`, { min: 0 });
const options = { executions: count('executions'), seed: count('seed'), first: count('first') };
const target: Target = await targets[name]();
const { findings, ...figures } = await fuzz(target, options);
await target.close?.();

const result = {
  target: name,
  node: process.version,
  ...options,
  ...figures,
  findings: findings.length,
};
console.log(JSON.stringify(result, null, 1));
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`);
for (const { execution, message, bytes } of findings) {
  const file = `fuzz-${name}-${options.seed}-${execution}.bin`;
  writeFileSync(file, bytes);
  console.error(`\n${file}: ${message}`);
}
process.exitCode = findings.length > 0 ? 1 : 0;
