import {
  BnLstmError,
  type FloatType,
  probeDevices,
  type SelfTestTensor,
  selfTest,
  VERSION,
} from '../index.js';
import { machineFacts } from '../machine.js';
import { native } from '../native.js';
import type { Command, Values } from './command.js';
import { cudaRows } from './cuda_rows.js';

const options = {
  device: { type: 'string', value: 'D', help: 'the device to test (default auto)' },
  dtype: { type: 'string', value: 'T', help: 'the dtype to test: f32 (default) or bf16' },
  json: { type: 'boolean', help: 'print JSON' },
} as const;

async function examine(device: string, dtype: string | undefined) {
  const { instructionSets } = native().probe();
  const { devices, cuda } = probeDevices();
  const tested = await test(device, dtype);
  return {
    version: VERSION,
    napi: process.versions.napi,
    machine: machineFacts(),
    devices,
    instructionSets,
    cuda,
    ...tested,
  };
}

/** The device that is used and its self-test; none where it cannot be used. */
async function test(asked: string, dtype: string | undefined) {
  const options = { device: asked, dtype: dtype as FloatType | undefined };
  try {
    const { device: chosen, deviceReason, dtype: tested, ok, tensors } = await selfTest(options);
    const share = ({ error, tolerance }: SelfTestTensor) =>
      Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / tolerance;
    const worst = tensors.reduce((a, b) => (share(a) >= share(b) ? a : b));
    return {
      device: { asked, chosen, why: deviceReason },
      selfTest: { ok, dtype: tested, tensors: tensors.length, worst },
    };
  } catch (error) {
    if (!(error instanceof BnLstmError) || !error.code.startsWith('ERR_BNLSTM_DEVICE')) throw error;
    return { device: { asked, chosen: undefined, why: error.message }, selfTest: undefined };
  }
}

type Findings = Awaited<ReturnType<typeof examine>>;

function describe({ version, napi, machine, device, ...rest }: Findings): string {
  const { devices, instructionSets, cuda, selfTest: test } = rest;
  const { processor, cores, memoryGiB, platform, node, instructionSet, threads } = machine;
  const rows = [
    ['Package', `bnlstm ${version}; addon loaded (Node-API ${napi} here, 8 needed)`],
    ['Node.js', `${node}, ${platform}`],
    ['Machine', `${processor}, ${cores} CPUs, ${memoryGiB} GiB`],
    ['Device', `${device.chosen ?? 'none'}, for \`${device.asked}\`: ${device.why}`],
    ...devices.map((each) => [
      '',
      `${each.name}: ${each.available ? 'available' : 'not available'}: ${each.why}`,
    ]),
    ['Instructions', `${instructionSet}; the CPU has ${instructionSets.join(', ') || 'no others'}`],
    ['Threads', `${threads}, by CPU affinity, the container's quota and BNLSTM_THREADS`],
    ...cudaRows(cuda),
    ['Self-test', test ? describeTest(test) : 'not run'],
  ];
  return rows.map(([label, text]) => label.padEnd(14) + text).join('\n');
}

function describeTest({ ok, dtype, tensors, worst }: NonNullable<Findings['selfTest']>): string {
  const { name, error, tolerance } = worst;
  // Else 1e-7 would look like the precision of bf16.
  const rounded = dtype === 'bf16' ? ' that is rounded at the same places' : '';
  return (
    `${ok ? 'passed' : 'FAILED'}: ${tensors} tensors in ${dtype} against float64${rounded}, ` +
    `the worst off by ${error.toExponential(1)} (${name}, allowed ${tolerance.toExponential(0)})`
  );
}

async function run({ device = 'auto', dtype, json }: Values<typeof options>): Promise<void> {
  const findings = await examine(device, dtype);
  console.log(json ? JSON.stringify(findings, null, 2) : describe(findings));
  if (!findings.selfTest?.ok) process.exitCode = 1;
}

export const doctor: Command<typeof options> = {
  name: 'doctor',
  summary: 'Say which device is used and why, and test it',
  details: `
A small network runs forward and backward on the device and is compared with the equations in
float64. The exit code is 1 if it is off by more than rounding explains, or the device cannot be used.`,
  options,
  run,
};
