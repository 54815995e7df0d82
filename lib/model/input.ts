import * as check from '../check.js';
import type { Spec } from '../nn/spec.js';

export interface InputOptions {
  /** D: sequences of so many reals per step, [B][T][D]. Either this or `vocabulary`. */
  readonly features?: number | undefined;
  /** V: sequences of token ids from 0 to V − 1, [B][T]. */
  readonly vocabulary?: number | undefined;
}

/** What a model takes. */
export function checkInput({ features, vocabulary }: InputOptions, method: string): Spec {
  if ((features === undefined) === (vocabulary === undefined)) {
    const got = features === undefined ? 'neither' : 'both';
    throw check.argumentError(`${method}: features, vocabulary`, 'one of them', got);
  }
  if (vocabulary !== undefined) {
    check.integer(vocabulary, `${method}: vocabulary`, { min: 1 });
    return { kind: 'tokens', vocabulary };
  }
  const width = check.integer(features, `${method}: features`, { min: 1 });
  return { kind: 'sequence', width, outcome: 'last-position' };
}
