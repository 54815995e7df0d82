import * as check from '../check.js';
import type { DeviceChoice } from '../device.js';

export interface DeviceOptions {
  /**
   * 'cuda' (the first GPU) or 'cuda:1' and so on; 'cpu', the best instruction set of the machine, or
   * one by name, such as 'cpu:avx2'; 'cpu:portable' gives the same bits on every machine. 'auto' is
   * the first GPU that can be used, else 'cpu'; `model.deviceReason` says why. `bnlstm doctor` lists
   * all. Default 'auto'.
   */
  readonly device?: string | undefined;
  /** Threads of the CPU. Default: what the machine, or its container, gives. */
  readonly threads?: number | undefined;
  /**
   * Of GPUs: products of f32 may round their operands to TF32 (10 bits of precision), which is
   * faster. Default false: exact products.
   */
  readonly tf32?: boolean | undefined;
}

/** More than any machine's CPUs: all of them would be started. */
const maxThreads = 1024;

export const deviceOptionNames = ['device', 'threads', 'tf32'];

/** A user's choice of device. Whether it is there, the addon tells. */
export function checkDevice(options: DeviceOptions, method: string): Required<DeviceChoice> {
  const { device = 'auto', threads, tf32 = false } = options;
  return {
    device: check.string(device, `${method}: device`),
    // 0 is the engine's own choice.
    threads:
      threads === undefined
        ? 0
        : check.integer(threads, `${method}: threads`, { min: 1, max: maxThreads }),
    tf32: check.boolean(tf32, `${method}: tf32`),
  };
}
