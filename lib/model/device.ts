import * as check from '../check.js';

export interface DeviceOptions {
  /**
   * 'cpu', the best instruction set of the machine, or one by name, such as 'cpu:avx2';
   * 'cpu:portable' gives the same bits on every machine. `bnlstm doctor` lists them. Default 'auto'.
   */
  readonly device?: string | undefined;
  /** Threads of the CPU. Default: what the machine, or its container, gives. */
  readonly threads?: number | undefined;
}

/** More than any machine's CPUs: all of them would be started. */
const maxThreads = 1024;

export const deviceOptionNames = ['device', 'threads'];

/** A user's choice of device. Whether it is there, the addon tells. */
export function checkDevice({ device = 'auto', threads }: DeviceOptions, method: string) {
  check.string(device, `${method}: device`);
  return {
    device: device === 'auto' ? 'cpu' : device,
    // 0 is the engine's own choice.
    threads:
      threads === undefined
        ? 0
        : check.integer(threads, `${method}: threads`, { min: 1, max: maxThreads }),
  };
}
