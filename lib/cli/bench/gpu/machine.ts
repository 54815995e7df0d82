import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type MachineFacts, machineFacts } from '../../../machine.js';
import { native } from '../../../native.js';

const fields = [
  'name',
  'driver_version',
  'memory.total',
  'clocks.sm',
  'clocks.mem',
  'clocks.max.sm',
  'clocks.max.mem',
  'power.limit',
  'temperature.gpu',
] as const;

export interface GpuMachine {
  readonly machine: MachineFacts;
  readonly device: string;
  readonly cuda: { readonly driver: number; readonly runtime: number };
  /** As nvidia-smi finds the GPU, clocks included; absent where it does not answer. */
  readonly gpu?: Readonly<Record<(typeof fields)[number], string>>;
}

/** Nothing of the GPU is changed. */
async function askDriver(number: string): Promise<GpuMachine['gpu'] | undefined> {
  const query = ['-i', number, `--query-gpu=${fields.join(',')}`, '--format=csv,noheader'];
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 20_000 });
    const values = stdout.trim().split(', ');
    if (values.length !== fields.length) return undefined;
    return Object.fromEntries(fields.map((field, i) => [field, values[i]])) as GpuMachine['gpu'];
  } catch {
    return undefined;
  }
}

/** What a measurement has to name to be worth something. */
export async function gpuMachine(device: string): Promise<GpuMachine> {
  const { driverVersion, runtimeVersion } = native().probe().cuda;
  const number = /^cuda:(\d+)$/.exec(device)?.[1];
  const gpu = number === undefined ? undefined : await askDriver(number);
  return {
    machine: machineFacts(),
    device,
    cuda: { driver: driverVersion, runtime: runtimeVersion },
    ...(gpu && { gpu }),
  };
}
