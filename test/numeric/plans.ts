// The ways that recurrent layers can take on a device: every case runs by each that serves it.
import { expect } from 'vitest';
import type { BnLstmCase, CaseResult } from '../../lib/model/bn_lstm_case.js';
import { native } from '../../lib/native.js';
import { type BnLstmPlan, persistentRows } from '../../lib/ops/bn_lstm.js';
import { isPersistent, runOn } from './check_case.js';
import { devices } from './devices.js';

export interface Way {
  readonly device: string;
  readonly plan: BnLstmPlan;
}

/** Of a CPU there is one. */
export const ways: readonly Way[] = devices.flatMap((device) =>
  (device.startsWith('cpu')
    ? (['auto'] as const)
    : (['steps', 'persistent', 'overlapped'] as const)
  ).map((plan) => ({ device, plan })),
);

/** Products of f32 are exact in their operands, unless `tf32`. */
export function runBy(
  { device, plan }: Way,
  given: BnLstmCase,
  { threads = 0, tf32 = false } = {},
): Promise<CaseResult> {
  const planned = { ...given, options: { ...given.options, plan } };
  return runOn(device, planned, threads, tf32);
}

function multiprocessors(device: string): number {
  if (device === 'emulator') return Number(process.env.BNLSTM_EMULATOR_MULTIPROCESSORS ?? 4);
  return native().probe().cuda.gpus[Number(device.replace('cuda:', ''))].multiprocessors;
}

/** Why the plan does not serve a case; undefined where it does. */
export function refusal(way: Way, { B, H, options, ...given }: BnLstmCase, tf32 = false) {
  if (!isPersistent(way)) return undefined;
  const [blocks, there] = [4 * Math.ceil(H / 32), multiprocessors(way.device)];
  if (options.dtype !== 'bf16' && !tf32) return "neither dtype 'bf16' nor tf32 was asked for";
  if (given.population && given.firstStep) {
    return 'rows stand at different steps of the population statistics';
  }
  if (blocks > there) {
    return `${H} hidden units need ${blocks} multiprocessors (4 for each 32 units), and the GPU has ${there}`;
  }
  if (B > persistentRows) return `a batch of ${B} rows is too large; it holds ${persistentRows}`;
  return undefined;
}

/** The case's result; or nothing, where the plan refuses it as it should. */
export async function runOrRefuse(way: Way, given: BnLstmCase, tf32 = false) {
  const why = refusal(way, given, tf32);
  if (why === undefined) return runBy(way, given, { tf32 });
  await expect(runBy(way, given, { tf32 })).rejects.toMatchObject({
    code: 'ERR_BNLSTM_UNSUPPORTED',
    message: expect.stringMatching(`^plan: expected 'auto' or 'steps', got '${way.plan}': `),
  });
  await expect(runBy(way, given, { tf32 })).rejects.toThrow(why);
  return undefined;
}
