import { internalError } from '../errors.js';
import type { Arrays, Program } from './program.js';

/** What all ops of one name took together. */
export interface OpTime {
  readonly name: string;
  /** How many of them there are in the program. */
  readonly calls: number;
  /** Milliseconds of wall time. */
  readonly ms: number;
  /** Of the time of all ops, from 0 to 1. */
  readonly share: number;
}

/** Where the time of one run of a program went. Copies between host and device do not count. */
export interface Profile {
  /** Milliseconds of all ops together. */
  readonly ms: number;
  /** The longest first. */
  readonly ops: readonly OpTime[];
}

/** Adds up the times of single ops, given in their order. */
export function summarise(names: readonly string[], milliseconds: Float32Array): Profile {
  const sums = new Map<string, { calls: number; ms: number }>();
  for (const [index, name] of names.entries()) {
    const { calls, ms } = sums.get(name) ?? { calls: 0, ms: 0 };
    sums.set(name, { calls: calls + 1, ms: ms + milliseconds[index] });
  }
  const total = milliseconds.reduce((sum, ms) => sum + ms, 0);
  const ops = [...sums].map(([name, { calls, ms }]) => ({
    name,
    calls,
    ms,
    share: total > 0 ? ms / total : 0,
  }));
  return { ms: total, ops: ops.sort((a, b) => b.ms - a.ms) };
}

/** Somebody who runs a program, with times or without. */
export type Runner = (program: Program, inputs: Arrays) => Promise<Arrays>;

/** The usual one. */
export const plainRunner: Runner = (program, inputs) => program.run(inputs);

/** One that keeps the profile of its last run. */
export class Profiler {
  #profile: Profile | undefined;

  readonly run: Runner = async (program, inputs) => {
    const { outputs, profile } = await program.profile(inputs);
    this.#profile = profile;
    return outputs;
  };

  get profile(): Profile {
    if (this.#profile === undefined) throw internalError('no program was profiled');
    return this.#profile;
  }
}
