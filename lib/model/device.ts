import * as check from '../check.js';

export interface DeviceOptions {
  /** 'cpu', or 'cpu:portable' for the engine without special instructions. Default 'auto'. */
  readonly device?: string | undefined;
  /** Threads of the CPU. Default: what the machine, or its container, gives. */
  readonly threads?: number | undefined;
}

export const deviceOptionNames = ['device', 'threads'];

/** A user's choice of device. Whether it is there, the addon tells. */
export function checkDevice({ device = 'auto', threads }: DeviceOptions, method: string) {
  check.string(device, `${method}: device`);
  return {
    device: device === 'auto' ? 'cpu' : device,
    // 0 is the engine's own choice.
    threads: threads === undefined ? 0 : check.integer(threads, `${method}: threads`, { min: 1 }),
  };
}
