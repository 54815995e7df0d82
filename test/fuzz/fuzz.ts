import { BnLstmError } from '../../lib/errors.js';
import { Mutator } from './mutate.js';
import type { Target } from './targets.js';

export interface Finding {
  readonly execution: number;
  readonly message: string;
  readonly bytes: Buffer;
}

export interface FuzzResult {
  readonly executions: number;
  readonly seconds: number;
  /** How many files were taken, and how many refused with each code. */
  readonly outcomes: Record<string, number>;
  /** Messages that differ in more than names and numbers. */
  readonly reasons: number;
  /** Of one file. */
  readonly slowestMs: number;
  readonly largestFile: number;
  /** Of the process, resident, above what it was before; what was freed since counts. */
  readonly peakGrowthBytes: number;
  readonly findings: readonly Finding[];
}

/** So many findings end a run: they are mostly the same one. */
const maxFindings = 20;

/**
 * Reads files that are near to good ones. A finding is whatever is thrown that is not a BnLstmError,
 * and one of an internal error. Execution `n` depends on `seed` and `n` alone.
 */
export async function fuzz(
  target: Target,
  { executions, seed, first = 0 }: { executions: number; seed: number; first?: number },
): Promise<FuzzResult> {
  const outcomes: Record<string, number> = {};
  const reasons = new Set<string>();
  const findings: Finding[] = [];
  const before = process.memoryUsage.rss();
  const start = performance.now();
  let peak = before;
  let slowestMs = 0;
  let largestFile = 0;
  let execution = first;
  for (; execution < first + executions && findings.length < maxFindings; execution++) {
    const mutator = new Mutator(Math.imul(seed, 0x9e3779b1) ^ Math.imul(execution, 0x85ebca6b));
    const bytes = target.make(mutator);
    largestFile = Math.max(largestFile, bytes.length);
    const began = performance.now();
    const error = await attempt(target, bytes);
    slowestMs = Math.max(slowestMs, performance.now() - began);
    if (execution % 1000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
    const code = error instanceof BnLstmError ? error.code : 'taken';
    outcomes[code] = (outcomes[code] ?? 0) + 1;
    if (error instanceof BnLstmError) reasons.add(kindOf(error.message));
    if (error !== undefined && (code === 'taken' || code === 'ERR_BNLSTM_INTERNAL')) {
      findings.push({ execution, message: String((error as Error).stack ?? error), bytes });
    }
  }
  return {
    executions: execution - first,
    seconds: (performance.now() - start) / 1000,
    outcomes,
    reasons: reasons.size,
    slowestMs,
    largestFile,
    peakGrowthBytes: peak - before,
    findings,
  };
}

async function attempt(target: Target, bytes: Buffer): Promise<unknown> {
  try {
    const reading = target.read(bytes);
    if (reading instanceof Promise) await reading;
    return undefined;
  } catch (error) {
    return error ?? new Error(`${error} was thrown`);
  }
}

/** A message without what differs from file to file. */
function kindOf(message: string): string {
  const names = message
    .replace(/"(\\.|[^"\\])*"?/g, '"…"')
    .replace(/(JSON|line \d+: \w+|got).*/s, '$1');
  return names.replace(/\[[^\]]*\]|\d[\d.e+]*/g, '#').slice(0, 120);
}
