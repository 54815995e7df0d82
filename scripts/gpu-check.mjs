// npm run gpu:check -- --out DIR [--device cuda:0|emulator|cpu] [parts...]: what only a GPU can prove,
// on a machine with little time and no network. docs/gpu-check.md says what each part does.
// Parts: build numeric sanitize learning bench; all of them, in this order, if none is named. Each has
// its own time limit and fails alone. A device without a GPU runs them in small: a test of this script.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { partNames, partsOf } from './gpu-check/parts.mjs';
import { runPart } from './gpu-check/run.mjs';
import { table } from './gpu-check/table.mjs';
import { checkNode, fail, Stop } from './tools.mjs';

const device = /^(cuda(:\d+)?|emulator|cpu(:\w+)?)$/;

function options() {
  const config = /** @type {const} */ ({
    options: { out: { type: 'string' }, device: { type: 'string', default: 'cuda:0' } },
    allowPositionals: true,
  });
  let parsed;
  try {
    parsed = parseArgs(config);
  } catch (error) {
    throw new Stop(/** @type {Error} */ (error).message);
  }
  const { values, positionals } = parsed;
  if (values.out === undefined) throw new Stop('--out DIR is needed: where the results go');
  if (!device.test(values.device)) {
    throw new Stop(`--device must be cuda:N, emulator or cpu, not '${values.device}'`);
  }
  const unknown = positionals.filter((name) => !partNames.includes(name));
  if (unknown.length > 0) {
    throw new Stop(`there is no part ${unknown.join(', ')}: ${partNames.join(', ')}`);
  }
  const names = positionals.length > 0 ? positionals : partNames;
  return { out: resolve(values.out), device: values.device, names };
}

async function main() {
  checkNode();
  const { out, device, names } = options();
  mkdirSync(out, { recursive: true });
  const parts = partsOf({ out, device });
  const results = [];
  for (const name of partNames.filter((each) => names.includes(each))) {
    console.error(`== ${name}`);
    const result = await runPart(name, parts[name], out);
    writeFileSync(join(out, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
    results.push(result);
  }
  const summary = { device, date: new Date().toISOString(), parts: results };
  writeFileSync(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  console.log(table(results));
  if (!results.every(({ passed }) => passed)) process.exitCode = 1;
}

main().catch(fail);
