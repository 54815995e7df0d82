import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BnLstmError } from '../errors.js';
import { bnLstmPlans } from '../ops/bn_lstm.js';
import { gpuMachine } from './bench/gpu/machine.js';
import { planGpuBench } from './bench/gpu/plan.js';
import { type GpuRow, gpuRows } from './bench/gpu/rows.js';
import { defaultSteps, gpuDtypes, gpuPasses, standardShapes } from './bench/gpu/settings.js';
import { gpuHeader, gpuLine } from './bench/gpu/table.js';
import { norms } from './bench/workloads.js';
import type { Command, Values } from './command.js';

const options = {
  json: { type: 'boolean', help: 'print one JSON object instead of a table' },
  shape: {
    type: 'string',
    value: 'H,B[,T[,D]]/...',
    help: 'hidden units, rows, steps, features (default: twelve shapes)',
  },
  device: { type: 'string', value: 'D', help: 'cuda (default) or any other: see `bnlstm doctor`' },
  dtype: {
    type: 'string',
    value: 'T,...',
    help: `${gpuDtypes.join(', ')} (default: all there are)`,
  },
  norm: { type: 'string', value: 'N,...', help: `${norms.join(', ')} (default both)` },
  pass: { type: 'string', value: 'P,...', help: `${gpuPasses.join(', ')} (default both)` },
  plan: {
    type: 'string',
    value: 'P,...',
    help: `of ours: ${bnLstmPlans.join(', ')} (default auto)`,
  },
  repeats: { type: 'string', value: 'N', help: 'measured runs of each row (default 20)' },
  seconds: { type: 'string', value: 'S', help: 'no more runs of a row after that (default 0.5)' },
  out: { type: 'string', value: 'FILE', help: 'write the JSON object there' },
} as const;

const details = `
One layer, one direction, ${defaultSteps} steps, as many features as hidden units, of
  ${standardShapes.map(({ hidden, batch }) => `H${hidden} B${batch}`).join(', ')}:
a BN-LSTM and a plain LSTM of this package, and on a GPU the plain LSTM of cuDNN 9 by each of its
algorithms, if cuDNN is found. forward is that of training, which saves what the backward pass needs;
train is forward and backward with the gradients of x, of both states and of all parameters. Times
are medians by the device's clock, from the first kernel to the last, with cold caches. cuDNN is
timed launched kernel by kernel and as a CUDA graph: the faster one counts. Its results are compared
with the equations before it is timed. by names the plan that served a row of ours, or that --plan has
asked for and the device lacks. estimate is a model of launches, bytes and operations of the
per-step plan on an H100, not a measurement and no bound; over is the time by it.`;

async function run(values: Values<typeof options>): Promise<void> {
  const plan = planGpuBench(values);
  if (values.out) await mkdir(dirname(values.out), { recursive: true });
  const machine = await gpuMachine(plan.device);
  const rows: GpuRow[] = [];
  if (!values.json) console.log(gpuHeader);
  for await (const row of gpuRows(plan)) {
    if (!values.json) console.log(gpuLine(row));
    rows.push(row);
  }
  const text = JSON.stringify({ ...machine, rows }, null, 2);
  if (values.json) console.log(text);
  if (values.out) await writeFile(values.out, `${text}\n`);
  if (!rows.some(({ library, times }) => library === 'bnlstm' && times)) {
    const why = rows.find(({ library }) => library === 'bnlstm')?.why;
    throw new BnLstmError('ERR_BNLSTM_UNSUPPORTED', `nothing of ours was measured: ${why}`);
  }
}

export const benchGpu: Command<typeof options> = {
  name: 'bench gpu',
  summary: 'Measure BN-LSTM and LSTM on a GPU, beside cuDNN',
  details,
  options,
  run,
};
