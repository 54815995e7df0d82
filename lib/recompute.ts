import * as check from './check.js';

/** The modes that have names, from the fastest to that of the least memory. */
export const recomputeModes = ['none', 'inputs', 'all'] as const;
export type RecomputeMode = (typeof recomputeModes)[number];

/**
 * What backward computes anew instead of keeping it, of each recurrent layer: nothing; the products
 * of the inputs; all, chunk by chunk of so many steps, from the state at the chunk's border ('all':
 * chunks of about the square root of all steps). The results have the same bits in each mode.
 */
export type Recompute = RecomputeMode | number;

/** As bnLstm takes it. */
export function recomputeOptions(recompute: Recompute, steps: number) {
  if (recompute === 'none') return { recompute: 0, recomputeInputs: false };
  if (recompute === 'inputs') return { recompute: 0, recomputeInputs: true };
  const all = recompute === 'all';
  const chunk = all ? Math.ceil(Math.sqrt(steps)) : recompute;
  // One chunk would save nothing and cost a second forward pass.
  return { recompute: chunk < steps ? chunk : 0, recomputeInputs: all };
}

/** Also of a plan and of a checkpoint. `further` are names that are allowed beside the modes. */
export function checkRecompute<T extends string = never>(
  recompute: unknown,
  method: string,
  further: readonly T[] = [],
): Recompute | T {
  const name = `${method}: recompute`;
  if (typeof recompute === 'number') return check.integer(recompute, name, { min: 1 });
  const names: readonly (RecomputeMode | T)[] = [...further, ...recomputeModes];
  const found = names.find((each) => each === recompute);
  if (found !== undefined) return found;
  const expected = `${names.map((each) => `'${each}'`).join(', ')} or steps per chunk`;
  throw check.argumentError(name, expected, check.show(recompute));
}
