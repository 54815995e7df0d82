import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BnLstmError } from '../errors.js';
import { planBench } from './bench/plan.js';
import { type BenchRow, benchRows } from './bench/rows.js';
import { header, tableLine } from './bench/table.js';
import { dtypes, norms, passes, workloads } from './bench/workloads.js';
import type { Command, Values } from './command.js';

const names = Object.entries(workloads);
const standard = names.filter(([, { extra }]) => !extra).map(([name]) => name);
const extra = names.filter(([, each]) => each.extra).map(([name]) => name);

const options = {
  json: { type: 'boolean', help: 'print one JSON array instead of a table' },
  workload: {
    type: 'string',
    value: 'W,...',
    help: `${standard.join(', ')} (default: these); ${extra.join(', ')}`,
  },
  device: {
    type: 'string',
    value: 'D,...',
    help: 'cpu (default) or forms of it: see `bnlstm doctor`',
  },
  dtype: { type: 'string', value: 'T,...', help: `${dtypes.join(', ')} (default f32)` },
  norm: { type: 'string', value: 'N,...', help: `${norms.join(', ')} (default both)` },
  pass: { type: 'string', value: 'P,...', help: `${passes.join(', ')} (default all)` },
  threads: { type: 'string', value: 'N,...', help: 'default: what the machine has' },
  repeats: { type: 'string', value: 'N', help: 'measured runs of each row (default 9)' },
  seconds: { type: 'string', value: 'S', help: 'no more runs of a row after that (default 3)' },
  dx: { type: 'boolean', help: 'train gives the gradient of the input too' },
  out: { type: 'string', value: 'FILE', help: 'write the JSON array there' },
} as const;

const describeInput = ({ features, vocabulary }: (typeof workloads)[string]) =>
  vocabulary ? `tokens of ${vocabulary}` : `${features} ${features === 1 ? 'feature' : 'features'}`;

const details = `
One layer, one direction, of a BN-LSTM (norm batch) or a plain LSTM (norm none):
${names
  .map(
    ([name, each]) =>
      `  ${name.padEnd(13)}${each.steps} steps, ${each.batch} rows, ${describeInput(each)}, ${each.hidden} hidden units`,
  )
  .join('\n')}
Passes: forward is that of training, which saves what the backward pass needs; train is forward and
backward with the gradients of all parameters; both pack the weights first, as a training step does.
inference has population statistics, saves nothing and finds its weights packed. Times are medians,
in milliseconds, of the work on the device: nothing is copied in or out, and nothing is recorded.
floor is what matrix products at the largest rate measured here and the element-wise work would take.`;

async function run(values: Values<typeof options>): Promise<void> {
  const plan = planBench(values);
  if (values.out) await mkdir(dirname(values.out), { recursive: true });
  const rows: BenchRow[] = [];
  let why = '';
  const skipped = (message: string) => {
    why = message;
    console.error(`bnlstm: ${message}`);
  };
  for await (const row of benchRows(plan, skipped)) {
    if (!values.json && rows.length === 0) console.log(header);
    if (!values.json) console.log(tableLine(row));
    rows.push(row);
  }
  if (rows.length === 0) {
    throw new BnLstmError('ERR_BNLSTM_UNSUPPORTED', `nothing was measured: ${why}`);
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  if (values.out) await writeFile(values.out, `${JSON.stringify(rows, null, 2)}\n`);
}

export const benchCpu: Command<typeof options> = {
  name: 'bench cpu',
  summary: 'Measure the speed of BN-LSTM and LSTM on the CPU',
  details,
  options,
  run,
};
