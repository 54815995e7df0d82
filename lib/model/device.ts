import * as check from '../check.js';
import type { DeviceChoice } from '../device.js';
import { type BnLstmPlan, bnLstmPlans } from '../ops/bn_lstm.js';

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
  /**
   * Of GPUs: how recurrent layers are computed. 'steps': each step by launches of its own, which
   * serves any shape; 'persistent': many steps by one launch; 'overlapped': the same, with products of
   * other steps beside them; 'auto': the engine chooses for each layer. What was asked for and is not
   * there, or does not serve a layer's shape, throws ERR_BNLSTM_UNSUPPORTED when that shape is planned;
   * `model.plan()` tells beforehand. A CPU has one way, 'auto'. Default 'auto'.
   */
  readonly plan?: BnLstmPlan | undefined;
}

/** More than any machine's CPUs: all of them would be started. */
const maxThreads = 1024;

export const deviceOptionNames = ['device', 'threads', 'tf32', 'plan'];

/** A user's choice of device, and of the way in which it computes. Whether they are there, the addon tells. */
export function checkDevice(
  options: DeviceOptions,
  method: string,
): Required<DeviceChoice> & { readonly plan: BnLstmPlan } {
  const { device = 'auto', threads, tf32 = false, plan = 'auto' } = options;
  return {
    device: check.string(device, `${method}: device`),
    // 0 is the engine's own choice.
    threads:
      threads === undefined
        ? 0
        : check.integer(threads, `${method}: threads`, { min: 1, max: maxThreads }),
    tf32: check.boolean(tf32, `${method}: tf32`),
    plan: check.oneOf(plan, `${method}: plan`, bnLstmPlans),
  };
}
