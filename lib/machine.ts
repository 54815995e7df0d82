import { availableParallelism, cpus, totalmem } from 'node:os';
import { native } from './native.js';

/** What a measurement has to name to be worth something. */
export interface MachineFacts {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  readonly instructionSet: string;
  readonly threads: number;
}

export function machineFacts(): MachineFacts {
  const { instructionSet, threads } = native().probe();
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    instructionSet,
    threads,
  };
}
