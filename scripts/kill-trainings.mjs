// Kills trainings by SIGKILL while they save, and resumes them, many times:
//   node --import ./scripts/typescript.mjs scripts/kill-trainings.mjs [--kills 500] [--out FILE]
// The package must be built (`npm run build`). Exits with 1 if a single bit is not as it should be.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { machineFacts } from '../lib/machine.js';
import { VERSION } from '../lib/version.js';
import { killTrainings } from '../test/train/kills.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
  },
});
const report = {
  date: new Date().toISOString().slice(0, 10),
  version: VERSION,
  machine: machineFacts(),
  seed: Number(values.seed),
  ...(await killTrainings(Number(values.kills), Number(values.seed))),
};
const text = `${JSON.stringify(report, null, 2)}\n`;
if (values.out !== undefined) await writeFile(values.out, text);
console.log(text);
process.exitCode = report.failures.length === 0 ? 0 : 1;
